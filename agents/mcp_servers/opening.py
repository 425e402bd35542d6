"""The way to a server, and why there is none."""

import contextlib
from collections.abc import AsyncIterator, Callable

from mcp import MCPError
from mcp.client._transport import TransportStreams
from mcp_types import CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT
from pydantic import ValidationError

from agentplatform import credentials
from agents.mcp_servers import commands, http
from agents.mcp_servers.bounds import MAX_TOLD_CHARACTERS, OURS
from agents.mcp_servers.spec import ServerSpec
from agents.mcp_servers.stdio import Child
from agents.toolsets.redacting import without


class CannotConnect(Exception):
    """There is no session with the server. The message says why, and holds no credential; `details` are for operators."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@contextlib.asynccontextmanager
async def connected(spec: ServerSpec, on_lost: Callable[[], None]) -> AsyncIterator[TransportStreams]:
    """The messages from and to the server, for the block. `on_lost` is called when its command has ended.

    Raises CannotConnect and CannotOpen.
    """
    secrets = spec.credentials()
    if not spec.command:
        async with http.connected(spec.url, secrets) as streams:
            yield streams
        return
    if not commands.is_permitted(spec.command):
        raise CannotConnect("the setting MCP_STDIO_COMMANDS does not permit its command")
    child = await Child.started(spec.command, secrets, on_over=on_lost)
    has_ended = False
    try:
        async with child.connected() as streams:
            try:
                yield streams
            except Exception:
                has_ended = (
                    child.is_over
                )  # by itself; leaving the block ends it anyway, and gathers what it complains of
                raise
    except Exception as error:
        if has_ended:
            said = without(spec.secrets(), child.complaint)
            raise CannotConnect("its command has ended", f"It said: {said}" if said else "") from error
        raise


def fault_of(error: BaseException, spec: ServerSpec) -> CannotConnect:
    """What went wrong as a session was opened, in the words for people."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, CannotConnect):
        return error
    if isinstance(error, credentials.CannotOpen):
        return CannotConnect(str(error))
    code = error.code if isinstance(error, MCPError) else None
    if isinstance(error, TimeoutError) or code == REQUEST_TIMEOUT:
        return CannotConnect(f"it did not start within {spec.connect_seconds} s")
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return CannotConnect(
            "what it answers is no MCP", f"{'.'.join(map(str, fault['loc']))[:200]}: {fault['msg'][:200]}"
        )
    if code == PARSE_ERROR:
        return CannotConnect("what it answers is no MCP")
    if code == CONNECTION_CLOSED:
        return CannotConnect("it closed the connection at once")
    if isinstance(error, MCPError) and code == OURS:
        return CannotConnect(error.message)
    if isinstance(error, MCPError):
        said = without(spec.secrets(), error.message)[:MAX_TOLD_CHARACTERS]
        return CannotConnect("it refuses to begin", f"It answers: {said}")
    return CannotConnect(f"the connection failed ({type(error).__name__})")
