"""How much a caller may: its client's limit over all its keys, and the key's own narrower one, as one decision.

Kinds of calls are counted apart. `requests`: admitted POST /agent/execute. `estimates`: of the same size. `calls`:
everything else, refused ones too, of twenty times that size.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from django.conf import settings

from accounts.callers import Caller
from accounts.sliding_log import Limit, Logs, Reading, in_redis
from agentplatform import metrics, redis
from agentplatform.errors import RateLimited

__all__ = ["Kind", "Limit", "Standing", "standing", "take"]

Kind = Literal["requests", "estimates", "calls"]
FACTORS: dict[Kind, int] = {"requests": 1, "estimates": 1, "calls": 20}

_logs = Logs()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with its tightest limit; `reset_seconds` until the next place comes free."""

    name: str
    limit: int
    remaining: int
    window_seconds: int
    reset_seconds: float


async def take(caller: Caller, kind: Kind) -> Standing | None:
    """Admit one call and give the caller's standing after it, or None when nothing limits it.

    Raises RateLimited, which consumes nothing, with the figures and the exact wait.
    """
    return await _ask(caller, kind, consume=True)


async def standing(caller: Caller, kind: Kind) -> Standing | None:
    """Give the caller's standing without consuming; None when nothing limits it."""
    return await _ask(caller, kind, consume=False)


def forget() -> None:
    """Drop what this process counted while Redis was away."""
    _logs.forget()


async def _ask(caller: Caller, kind: Kind, *, consume: bool) -> Standing | None:
    limits = [replace(limit, name=kind, limit=limit.limit * FACTORS[kind]) for limit in caller.limits]
    if not limits:
        return None
    try:
        verdict = await redis.attempt(lambda client: in_redis(client, limits, consume=consume))
    except redis.Away:
        metrics.limiter_fallback_total.inc()
        limits = [replace(limit, limit=max(limit.limit // settings.WEB_WORKERS, 1)) for limit in limits]
        verdict = _logs.ask(limits, consume=consume)
    found, limit = _tightest(limits, verdict.readings)
    if consume and not verdict.is_admitted:
        raise _refusal(found, limit.holder)
    return found


def _tightest(limits: Sequence[Limit], readings: Sequence[Reading]) -> tuple[Standing, Limit]:
    pairs = [(_standing(limit, reading), limit) for limit, reading in zip(limits, readings, strict=True)]
    return min(pairs, key=lambda pair: (pair[0].remaining, -pair[0].reset_seconds))


def _standing(limit: Limit, reading: Reading) -> Standing:
    return Standing(
        name=limit.name,
        limit=limit.limit,
        remaining=max(limit.limit - reading.used, 0),
        window_seconds=limit.window_seconds,
        reset_seconds=math.ceil(reading.reset_us / 1000) / 1000,  # rounded up: who waits that long is not refused again
    )


def _refusal(found: Standing, holder: str) -> RateLimited:
    wait = math.ceil(found.reset_seconds * 10) / 10
    allowed = f"{found.limit} {found.name} per {found.window_seconds} s allowed for {holder}"
    return RateLimited(
        f"{allowed}; the next is allowed in {wait:g} s.",
        members={"limit": asdict(found)},
        headers={"Retry-After": str(max(math.ceil(found.reset_seconds), 1))},
    )
