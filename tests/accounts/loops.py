"""An event loop for one piece of async work, as a process of ours has one for its life."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from agentplatform import redis

T = TypeVar("T")


def run(work: Awaitable[T]) -> T:
    """Await the work on a loop of its own, and close that loop's Redis connections."""
    return asyncio.run(_closing(work))


async def _closing(work: Awaitable[T]) -> T:
    try:
        return await work
    finally:
        await redis.client().aclose()
