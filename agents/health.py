"""Health of what runs agents: the model provider and the workers."""

import asyncio
import time

from agentplatform.database import in_database
from agents import llm, presence

KEPT_SECONDS = 15.0
_checked_at = 0.0
_checking: asyncio.Task[bool] | None = None
_is_reachable = False


async def worker() -> str:
    """`ok`, or `no_worker` when none has been seen lately."""
    return "ok" if await in_database(presence.is_any, "worker") else "no_worker"


async def orchestrator() -> str:
    """`ok`, or `no_model` when the model provider does not answer. Asked at most every 15 s."""
    global _checked_at, _is_reachable
    if time.monotonic() - _checked_at > (KEPT_SECONDS if _is_reachable else 1.0):
        _is_reachable = await llm.is_reachable()
        _checked_at = time.monotonic()
    return "ok" if _is_reachable else "no_model"
