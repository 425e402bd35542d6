"""Three tools that have their effects on the tool server, where they are counted: a pure, an idempotent and an unsafe one.

`name` is one for each place in a task where the tool is called, whatever happens; `asked_in` is the model call that asked.
"""

import os

import aiohttp

from agents.tools import registry
from agents.tools.tool import tool

URL = "CHAOS_TOOLS_URL"
TIMEOUT = aiohttp.ClientTimeout(total=15)


@tool(effect="pure", timeout_seconds=20)
async def look(name: str, asked_in: int) -> str:
    """Look at something.

    Args:
        name: What to look at.
        asked_in: The call that asks.
    """
    return await _ask("look", name, asked_in)


@tool(effect="idempotent", timeout_seconds=20)
async def put(name: str, asked_in: int, idempotency_key: str) -> str:
    """Put something into its place.

    Args:
        name: What to put there.
        asked_in: The call that asks.
    """
    return await _ask("put", name, asked_in, idempotency_key)


@tool(effect="unsafe", timeout_seconds=20)
async def pay(name: str, asked_in: int) -> str:
    """Pay for something.

    Args:
        name: What to pay for.
        asked_in: The call that asks.
    """
    return await _ask("pay", name, asked_in)


def register() -> None:
    """Let agents name them."""
    for each in (look, put, pay):
        registry.register(each)


async def _ask(tool_name: str, name: str, asked_in: int, key: str = "") -> str:
    body = {"name": name, "asked_in": asked_in, "key": key}
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.post(f"{os.environ[URL]}/tools/{tool_name}", json=body) as answer,
    ):
        return str((await answer.json())["done"])
