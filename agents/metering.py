"""What a task takes from its client's limits while it runs: a slot among the tasks at once, and its model calls' tokens.

Both were taken as the task was accepted, under its id: the slot for its whole life, the tokens for its first model call.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from uuid_utils.compat import uuid7

from accounts import limits
from accounts.callers import LEASE_SECONDS, kept_limits, limits_of
from accounts.limiter.values import Charge, Limit
from agentplatform import redis
from agents.engine.budget import most_tokens
from agents.engine.effects import CallModel
from agents.engine.types import Usage
from agents.llm import ModelError
from agents.models import Task

HELD_EVERY_SECONDS = LEASE_SECONDS / 3
# Looking again is cheap, and a settled call may make room before the oldest charge leaves.
LOOK_AGAIN_SECONDS = 1.0
HELD_AT_ONCE = 10_000


@dataclass(slots=True)
class Meter:
    """One attempt at a task. `has_reserved` says whether the tokens of its first call are those taken at acceptance."""

    task_id: UUID
    limits: Sequence[Limit] = ()
    has_reserved: bool = True

    @classmethod
    async def of(cls, task: Task) -> "Meter":
        """The meter of a task that was accepted elsewhere, with the limits that hold now."""
        return cls(task.pk, await kept_limits(task.api_key_id), has_reserved=task.attempts == 1)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold the task's slot for the block. Unless `release` is called it stays taken until its lease is over."""
        held = self._of_kind("slots")
        if not held:
            yield
            return
        holding = asyncio.create_task(self._hold(held))
        try:
            yield
        finally:
            holding.cancel()

    async def release(self) -> None:
        """Give the slot back, and the tokens of a first call that was never made."""
        kinds = ("slots", "tokens") if self.has_reserved else ("slots",)
        await limits.asked("back", self._of_kind(*kinds), Charge(str(self.task_id)))

    async def reserve(self, call: CallModel) -> Charge | None:
        """Take a model call's tokens at their worst, and wait until they fit; None when nothing limits them.

        Raises ModelError when no waiting would help.
        """
        held = self._of_kind("tokens")
        if not held:
            return None
        charge = Charge(self._charge_id(), most_tokens(call))
        for limit in held:
            if charge.tokens > limit.limit:
                raise ModelError(limits.too_large(limit, charge).detail, is_retryable=False)
        while True:
            _, verdict = await limits.asked("take", held, charge)
            if verdict.is_admitted:
                return charge
            wait_us = max(reading.reset_us for reading in verdict.readings if reading.refuses)
            await asyncio.sleep(min(max(wait_us / 1e6, 0.01), LOOK_AGAIN_SECONDS))

    async def settle(self, charge: Charge | None, usage: Usage) -> None:
        """Put what a call used in the place of its reservation."""
        if charge is not None:
            used = Charge(charge.id, usage.input_tokens + usage.output_tokens)
            await limits.asked("settle", self._of_kind("tokens"), used)

    def _charge_id(self) -> str:
        """The first call's tokens move to the moment of the call; every other call is a charge of its own."""
        if self.has_reserved:
            self.has_reserved = False
            return str(self.task_id)
        return f"{self.task_id}:{uuid7()}"

    def _of_kind(self, *kinds: str) -> list[Limit]:
        return [limit for limit in self.limits if limit.kind in kinds]

    async def _hold(self, held: Sequence[Limit]) -> None:
        while True:
            await limits.asked("hold", held, Charge(str(self.task_id)))
            await asyncio.sleep(HELD_EVERY_SECONDS)


def hold_waiting() -> int:
    """Renew the slots of the tasks that wait for a worker, whom no process holds; give how many. From a plain thread."""
    is_limited = Q(client__tier__concurrency__isnull=False) | Q(api_key__concurrency__isnull=False)
    waiting = Task.objects.filter(is_limited, status=Task.Status.QUEUED, api_key__isnull=False)
    rows = list(waiting.select_related("api_key__client__tier").only("api_key")[:HELD_AT_ONCE])
    if rows:
        asyncio.run(_hold_all(rows))
    return len(rows)


async def _hold_all(tasks: Sequence[Task]) -> None:
    """One after the other: they are few, and nobody waits for it."""
    try:
        for task in tasks:
            if task.api_key is not None:
                await _held(task.pk, limits_of(task.api_key))
    finally:
        await redis.client().aclose()  # of this short-lived loop


async def _held(task_id: UUID, all_limits: Iterable[Limit]) -> None:
    await limits.asked("hold", [limit for limit in all_limits if limit.kind == "slots"], Charge(str(task_id)))
