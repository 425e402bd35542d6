"""The approved tools of active servers, for the registry."""

import importlib
import sys
from functools import partial
from typing import Any, cast

from agents.mcp_servers.models import McpServer, McpTool
from agents.mcp_servers.spec import ServerSpec
from agents.tools.arguments import read_by_schema
from agents.tools.tool import Effect, Tool

CALLING = "agents.mcp_servers.calling"
# The server's own time-outs come first, and say more.
SECONDS_MORE = 10


def read() -> list[Tool]:
    """Read them, and have sessions with servers that are no longer active closed. In a database thread."""
    rows = McpTool.objects.filter(state=McpTool.State.APPROVED, server__is_active=True).select_related("server")
    tools = [_tool(row) for row in rows]
    if tools:
        importlib.import_module(CALLING)  # takes a second, which the event loop shall not spend at the first call
    if calling := sys.modules.get(CALLING):
        calling.retain({server.spec for server in McpServer.objects.filter(is_active=True)})
    return tools


def _tool(row: McpTool) -> Tool:
    approved = row.approved or {}
    return Tool(
        name=row.name,
        description=approved["description"],
        parameters=approved["parameters"],
        effect=cast(Effect, row.effect),
        timeout_seconds=row.server.connect_seconds + 2 * row.server.call_seconds + SECONDS_MORE,
        function=partial(_call, row.server.spec, row.remote_name, row.approved_fingerprint),
        read=read_by_schema(approved["parameters"]),
    )


async def _call(spec: ServerSpec, tool: str, fingerprint: str, arguments: dict[str, Any]) -> str:
    from agents.mcp_servers import calling

    return await calling.call(spec, tool, fingerprint, arguments)
