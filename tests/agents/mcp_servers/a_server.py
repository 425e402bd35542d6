"""An MCP server of the mcp package's own, as a program: `a_server.py FOLDER [PORT]`, over HTTP where there is a port.

FOLDER/calls gets a line for each call; FOLDER/description, when it is there, is what `add` says of itself.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

FOLDER = Path(sys.argv[1])
server = MCPServer("a server")


def note(call: str) -> None:
    with (FOLDER / "calls").open("a") as calls:
        calls.write(f"{call}\n")


def described() -> str:
    own = FOLDER / "description"
    return own.read_text() if own.exists() else "Add two numbers."


@server.tool(description=described(), annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    note(f"add {a} {b}")
    return a + b


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
def look(city: str) -> dict[str, Any]:
    """Look at the weather."""
    return {"city": city, "degrees": 21}


@server.tool()
def send(to: str) -> str:
    """Send a letter."""
    note(f"send {to}")
    return f"Sent to {to}."


@server.tool()
def refuse() -> str:
    """Refuse."""
    raise ToolError("Not on Sundays.")


@server.tool()
async def hang() -> str:
    """Never answer."""
    note("hang")
    try:
        await asyncio.Event().wait()
    finally:
        note("hang was cancelled")
    return ""


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def wait_a_little(seconds: float) -> str:
    """Answer later."""
    await asyncio.sleep(seconds)
    return f"After {seconds} s."


@server.tool()
def die() -> str:
    """Die without a word."""
    note("die")
    os._exit(3)


@server.tool(structured_output=False)
def flood(mebibytes: int) -> str:
    """Answer at length."""
    return "x" * (mebibytes * 1024 * 1024)


@server.tool()
def draw() -> Image:
    """Draw a picture."""
    return Image(data=b"\x89PNG" + bytes(3000), format="png")


@server.tool()
def environment() -> dict[str, str]:
    """Tell all variables."""
    return dict(os.environ)


@server.tool()
def headers(ctx: Context[Any, Any]) -> str:
    """Tell who asks, forwards and backwards."""
    request = ctx.request_context.request
    told = str(request.headers.get("authorization", "nobody")) if request else "nobody"
    return f"{told} {told[::-1]}"


@server.tool()
async def ask(ctx: Context[Any, Any]) -> str:
    """Ask the caller's model."""
    from mcp_types import SamplingMessage, TextContent

    message = SamplingMessage(role="user", content=TextContent(type="text", text="Who are you?"))
    answer = await ctx.session.create_message(messages=[message], max_tokens=10)
    return str(answer)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")
