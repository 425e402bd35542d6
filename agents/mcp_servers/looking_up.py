"""Looking up what tools a server has: for operators, over a session that ends with it."""

import asyncio

from agents.mcp_servers.models import McpServer
from agents.mcp_servers.spec import ServerSpec
from agents.toolsets import storing
from agents.toolsets.listing import Listed
from agents.toolsets.storing import Changes


class CannotLookUp(Exception):
    """The server cannot be asked. The message is for operators: it may have what the server complained of."""


def look_up(server: McpServer) -> Changes:
    """Ask the server for its tools and keep them. From a plain thread. Raises CannotLookUp, which is kept with the server."""
    from agents.mcp_servers.opening import CannotConnect

    try:
        listing = asyncio.run(_listing(server.spec))
    except CannotConnect as error:
        fault = f"The server cannot be used: {error}." + (f" {error.details}" if error.details else "")
        storing.store_fault(server, fault)
        raise CannotLookUp(fault) from error
    return storing.store(server, listing)


async def _listing(spec: ServerSpec) -> list[Listed]:
    from agents.mcp_servers.sessions import Session

    session = Session(spec)
    try:
        await session.opened()
        return list(session.tools.values())
    finally:
        await session.closed()
