"""The tools that a server lists, within bounds."""

from mcp.client.session import ClientSession
from mcp_types import PaginatedRequestParams, Tool, ToolAnnotations

from agents.mcp_servers.bounds import MAX_PAGES
from agents.toolsets.listing import MAX_TOOLS, Listed, listed
from agents.toolsets.models import Effect


async def tools_of(session: ClientSession) -> list[Listed]:
    """All that it lists, but no more than allowed. Where two have one name, the first counts."""
    found: dict[str, Listed] = {}
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        for tool in page.tools[:MAX_TOOLS]:
            found.setdefault(tool.name, _listed(tool))
        cursor = page.next_cursor
        if not cursor or len(found) >= MAX_TOOLS:
            break
    return list(found.values())[:MAX_TOOLS]


def _listed(tool: Tool) -> Listed:
    parameters = {name: value for name, value in tool.input_schema.items() if name != "$schema"}
    return listed(tool.name, tool.description or tool.title or "", parameters, _effect(tool.annotations))


def _effect(annotations: ToolAnnotations | None) -> str:
    """The server's word; nothing said is unsafe, as the protocol has it."""
    if annotations is not None and annotations.read_only_hint:
        return Effect.PURE
    if annotations is not None and annotations.idempotent_hint:
        return Effect.IDEMPOTENT
    return Effect.UNSAFE
