"""Calling a server's tool: whatever the server does, the call has an end, and the model is told the reason."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from mcp import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
)
from pydantic import TypeAdapter, ValidationError

from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agents.mcp_servers import results
from agents.mcp_servers.bounds import BROKEN_OFF, MAX_TOLD_CHARACTERS, OURS, TOO_LONG
from agents.mcp_servers.models import McpServer
from agents.mcp_servers.opening import CannotConnect
from agents.mcp_servers.sessions import Session
from agents.mcp_servers.spec import ServerSpec
from agents.tools.tool import ToolError, Unanswered
from agents.toolsets import storing
from agents.toolsets.redacting import without

# A server that could not be started just now is left alone for so long.
LEFT_ALONE_SECONDS = 2.0
# What the package says when it gave up a session, or an answer.
TERMINATED = "Session terminated"
LOST = ("Connection closed", "SSE stream")
ANSWER: TypeAdapter[Any] = TypeAdapter(CallToolResult | InputRequiredResult)

_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Session]] = WeakKeyDictionary()


class _Terminated(Exception):
    """The server does not know the session any more, and so did not take the call."""


async def call(spec: ServerSpec, tool: str, fingerprint: str, arguments: Mapping[str, Any]) -> str:
    """What the tool answers, as text; `fingerprint` is of the tool as it was approved. Raises ToolError and Unanswered."""
    try:
        session = await _session(spec)
        try:
            return await _called(session, tool, fingerprint, arguments)
        except _Terminated:
            session.close()
            return await _called(await _session(spec), tool, fingerprint, arguments)
    except CannotConnect as error:
        raise ToolError(f"The server {spec.name} cannot be used: {error}.") from error
    except _Terminated as error:
        raise ToolError(f"The server {spec.name} ends each session at once.") from error


def retain(specs: Collection[ServerSpec]) -> None:
    """Have this process close its sessions with all other servers. From any thread."""
    for loop, sessions in list(_sessions.items()):
        unwanted = [session for session in list(sessions.values()) if session.spec not in specs]
        if unwanted:
            with contextlib.suppress(RuntimeError):  # a loop that is closed already
                loop.call_soon_threadsafe(_close, unwanted)


def _close(sessions: Collection[Session]) -> None:
    for session in sessions:
        session.close()


async def _session(spec: ServerSpec) -> Session:
    """The process's session with the server, opened where there is none. Raises CannotConnect."""
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    session = sessions.get(spec.id)
    if session is not None and session.spec != spec:
        session.close()
        session = None
    if session is not None and session.is_over:
        if session.fault and not session.was_open and time.monotonic() - session.ended_at < LEFT_ALONE_SECONDS:
            raise session.fault
        session = None
    if session is None:
        session = sessions[spec.id] = Session(spec)
    await session.opened()
    return session


async def _called(session: Session, tool: str, fingerprint: str, arguments: Mapping[str, Any]) -> str:
    name, seconds = session.spec.name, session.spec.call_seconds
    try:
        async with asyncio.timeout(seconds):
            await session.refresh()
    except (TimeoutError, ValidationError, MCPError) as error:
        if str(error) == TERMINATED:
            raise _Terminated from error
        raise ToolError(f"The server {name} does not list its tools.") from error
    await _check_unchanged(session, tool, fingerprint)
    request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=dict(arguments)))
    with session.used() as client:
        try:
            async with asyncio.timeout(seconds):
                # Not its `call_tool`: that checks answers by the server's own schemas, whose patterns nobody has bounded.
                result = await client.send_request(request, ANSWER)
        except TimeoutError as error:
            session.count(is_answered=False)
            raise Unanswered(f"The server {name} did not answer within {seconds} s.") from error
        except ValidationError as error:
            raise Unanswered(f"The server {name} answered with something that is no result of a tool.") from error
        except MCPError as error:
            _refuse(session.spec, error)
    session.count(is_answered=True)
    if not isinstance(result, CallToolResult):
        raise ToolError(f"The server {name} asks for input of a person, which there is none for.")
    told = without(session.spec.secrets(), results.told(result))
    if result.is_error:
        raise ToolError(told or f"The tool failed, and the server {name} does not say why.")
    return told


def _refuse(spec: ServerSpec, error: MCPError) -> NoReturn:
    """Tell an error of the protocol by what became of the call."""
    name = spec.name
    if error.message == TERMINATED:
        raise _Terminated from error
    if TOO_LONG in error.message:
        raise Unanswered(f"The server {name} was called, but {TOO_LONG}.") from error
    # Servers use the package's own code for errors of theirs.
    is_lost = error.code == CONNECTION_CLOSED and error.message.startswith(LOST)
    if is_lost or error.code == REQUEST_TIMEOUT or BROKEN_OFF in error.message:
        raise Unanswered(f"The connection to the server {name} was lost during the call.") from error
    if error.code == PARSE_ERROR:
        raise Unanswered(f"The server {name} answered with something that is no MCP.") from error
    if error.code == OURS:
        raise ToolError(f"The server {name} cannot be used: {error.message}.") from error
    told = without(spec.secrets(), error.message)[:MAX_TOLD_CHARACTERS]
    raise ToolError(f"The server {name} refused the call: {told}") from error


async def _check_unchanged(session: Session, tool: str, fingerprint: str) -> None:
    """Raise ToolError unless the server lists the tool as it was approved; operators are shown what changed."""
    listed = session.tools.get(tool)
    if listed is not None and listed.fingerprint == fingerprint:
        return
    if not session.is_reported:
        session.is_reported = True
        with contextlib.suppress(Unavailable, McpServer.DoesNotExist):
            await in_database(storing.store, McpServer(pk=session.spec.id), list(session.tools.values()))
    what = "does not list this tool any more" if listed is None else "has changed this tool since it was approved"
    raise ToolError(f"The server {session.spec.name} {what}. It can be used again when an operator has looked at it.")
