"""How much a caller may: its client's limits over all its keys, and the key's own narrower ones, as one decision.

Kinds of calls are counted apart. `requests`: admitted POST /agent/execute, with their tokens, their slot among the tasks
at once, and the day's count. `estimates`: as many as requests. `calls`: everything else, refused ones too, twenty times
as many.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from django.conf import settings

from accounts.callers import Caller
from accounts.limiter.process_store import ProcessStore
from accounts.limiter.redis_store import ask
from accounts.limiter.values import Charge, Limit, Reading, Step, Verdict
from agentplatform import metrics, redis
from agentplatform.errors import RateLimited
from agentplatform.logs import log

Kind = Literal["requests", "estimates", "calls"]
FACTORS: dict[Kind, int] = {"requests": 1, "estimates": 1, "calls": 20}
# When a slot comes free nobody knows; trying again each second costs little.
SLOT_RETRY_SECONDS = 1.0
FREE = Charge()

_process = ProcessStore()
_is_in_fallback = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with one limit; `reset_seconds` until more of it comes free.

    `window_seconds` is None for tasks at once, which have no window.
    """

    name: str
    limit: int
    remaining: int
    window_seconds: int | None
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class Admission:
    """What an admitted call took, so that it can be given back, and where its caller stands now."""

    limits: tuple[Limit, ...] = ()
    charge: Charge = FREE
    standings: tuple[Standing, ...] = ()


async def take(caller: Caller, kind: Kind, charge: Charge = FREE) -> Admission:
    """Admit one call under all its limits.

    Raises RateLimited, which consumes nothing, with the figures of the limit that refused and the exact wait.
    """
    wanted = _limits(caller, kind)
    _refuse_what_never_fits(wanted, charge)
    limits, verdict = await asked("take", wanted, charge)
    if not verdict.is_admitted:
        raise _refusal(limits, verdict, charge)
    charge = replace(charge, at_us=verdict.at_us)
    return Admission(tuple(limits), charge, _standings(limits, verdict.readings))


async def standings(caller: Caller, kind: Kind) -> tuple[Standing, ...]:
    """Where the caller stands with the limits of a kind, the tightest of each name; nothing is consumed."""
    limits, verdict = await asked("look", _limits(caller, kind), FREE)
    return _standings(limits, verdict.readings)


async def look(caller: Caller, kind: Kind, charge: Charge) -> tuple[tuple[Standing, ...], RateLimited | None]:
    """Where the caller stands, and how `take` would refuse this call now, if it would; nothing is consumed."""
    wanted = _limits(caller, kind)
    limits, verdict = await asked("look", wanted, charge)
    try:
        _refuse_what_never_fits(wanted, charge)
    except RateLimited as refusal:
        return _standings(limits, verdict.readings), refusal
    refused = None if verdict.is_admitted else _refusal(limits, verdict, charge)
    return _standings(limits, verdict.readings), refused


async def give_back(admission: Admission) -> None:
    """Undo what an admitted call took: nothing came of it."""
    await asked("back", admission.limits, admission.charge)


async def asked(step: Step, limits: Sequence[Limit], charge: Charge) -> tuple[Sequence[Limit], Verdict]:
    """Do one step in Redis, or with this process's share of the limits while Redis is away."""
    if not limits:
        return limits, Verdict(True, 0, [])
    try:
        verdict = await redis.attempt(lambda client: ask(client, step, limits, charge))
    except redis.Away:
        _say(in_fallback=True)
        metrics.limiter_fallback_total.inc()
        shares = [replace(limit, limit=max(limit.limit // settings.LIMITER_PROCESSES, 1)) for limit in limits]
        return shares, _process.ask(step, shares, charge)
    _say(in_fallback=False)
    return limits, verdict


async def health() -> str:
    """`fallback` while each process counts for itself, Redis being away; else nothing to say."""
    try:
        await redis.attempt(lambda client: client.ping())
    except redis.Away:
        return "fallback"
    return ""


def forget() -> None:
    """Drop what this process counted while Redis was away."""
    _process.forget()


def _say(*, in_fallback: bool) -> None:
    """Log the change from one to the other."""
    global _is_in_fallback
    if in_fallback == _is_in_fallback:
        return
    _is_in_fallback = in_fallback
    if in_fallback:
        log(__name__).warning("limits_in_fallback", processes=settings.LIMITER_PROCESSES)
    else:
        log(__name__).info("limits_exact_again")


def _limits(caller: Caller, kind: Kind) -> list[Limit]:
    if kind == "requests":
        return list(caller.limits)
    of_requests = [limit for limit in caller.limits if limit.name == "requests"]
    return [replace(limit, name=kind, limit=limit.limit * FACTORS[kind]) for limit in of_requests]


def _standings(limits: Sequence[Limit], readings: Sequence[Reading]) -> tuple[Standing, ...]:
    """The tightest standing of each name, in the limits' order."""
    found: dict[str, Standing] = {}
    for limit, reading in zip(limits, readings, strict=True):
        standing = _standing(limit, reading)
        found[limit.name] = min(found.get(limit.name, standing), standing, key=_room)
    return tuple(found.values())


def _room(standing: Standing) -> tuple[int, float]:
    return standing.remaining, -standing.reset_seconds


def _standing(limit: Limit, reading: Reading) -> Standing:
    has_window = limit.kind != "slots"
    # Rounded up: who waits that long is not refused again.
    reset_seconds = math.ceil(reading.reset_us / 1000) / 1000
    return Standing(
        name=limit.name,
        limit=limit.limit,
        remaining=max(limit.limit - reading.used, 0),
        window_seconds=limit.window_seconds if has_window else None,
        reset_seconds=reset_seconds if has_window else SLOT_RETRY_SECONDS * (reading.used >= limit.limit),
    )


def _refusal(limits: Sequence[Limit], verdict: Verdict, charge: Charge) -> RateLimited:
    """Of several limits that refuse, the one to wait for longest."""
    refusing = [pair for pair in zip(limits, verdict.readings, strict=True) if pair[1].refuses]
    limit, reading = max(refusing, key=lambda pair: _standing(*pair).reset_seconds)
    standing = _standing(limit, reading)
    return refusal(limit, standing, _sentence(limit, standing, charge))


def refusal(limit: Limit, standing: Standing, detail: str) -> RateLimited:
    """The error that tells a caller which limit refused, with its figures."""
    return RateLimited(
        detail,
        members={"rule": limit.name, "limit": asdict(standing)},
        headers={"Retry-After": str(max(math.ceil(standing.reset_seconds), 1))},
    )


def _sentence(limit: Limit, standing: Standing, charge: Charge) -> str:
    wait = f"{math.ceil(standing.reset_seconds * 10) / 10:g} s"
    match limit.name:
        case "concurrency":
            tasks = "tasks" if limit.limit > 1 else "task"
            return (
                f"{limit.limit} {tasks} at once allowed for {limit.holder}; the next is allowed when one of them ends."
            )
        case "daily_requests":
            requests = "requests" if limit.limit > 1 else "request"
            return f"{limit.limit} {requests} a day (UTC) allowed for {limit.holder}; the next is allowed in {wait}."
        case "tokens":
            return (
                f"{limit.limit} tokens per {limit.window_seconds} s allowed for {limit.holder}, of which "
                f"{standing.remaining} are left; this call may use up to {charge.tokens}, which is allowed in {wait}."
            )
    name = limit.name if limit.limit > 1 else limit.name.removesuffix("s")
    return (
        f"{limit.limit} {name} per {limit.window_seconds} s allowed for {limit.holder}; the next is allowed in {wait}."
    )


def _refuse_what_never_fits(limits: Iterable[Limit], charge: Charge) -> None:
    for limit in limits:
        if charge.amount(limit) > limit.limit:
            raise too_large(limit, charge)


def too_large(limit: Limit, charge: Charge) -> RateLimited:
    """The refusal of a call that no waiting would help: its worst case is more than the whole limit."""
    standing = Standing(limit.name, limit.limit, limit.limit, limit.window_seconds, float(limit.window_seconds))
    detail = (
        f"This call may use up to {charge.tokens} tokens, and {limit.limit} per {limit.window_seconds} s are allowed for "
        f"{limit.holder}; a shorter task, or a lower limits.max_output_tokens, would pass."
    )
    return refusal(limit, standing, detail)
