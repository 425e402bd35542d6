"""The limiter's rule in the memory of one process: for the time that Redis is away, and for replays of the past."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from accounts.limiter.values import DAY_SECONDS, MICROSECONDS, Charge, Limit, Reading, Step, Verdict

DAY_US = DAY_SECONDS * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Held:
    """An amount that was taken, until the moment at which it leaves."""

    amount: int
    leaves_us: int


@dataclass(slots=True)
class Charges:
    """What is taken of one limit. All charges last equally long, so the first taken is the first to leave."""

    held: dict[str, Held] = field(default_factory=dict)
    used: int = 0

    def put(self, name: str, held: Held) -> None:
        self.remove(name)
        if held.amount:
            self.held[name] = held
            self.used += held.amount

    def remove(self, name: str) -> None:
        if gone := self.held.pop(name, None):
            self.used -= gone.amount

    def amend(self, name: str, amount: int) -> None:
        """Change an amount where it stands."""
        if held := self.held.get(name):
            self.used += amount - held.amount
            self.held[name] = Held(amount, held.leaves_us)

    def of(self, name: str) -> int:
        return self.held[name].amount if name in self.held else 0

    def forget(self, now: int) -> None:
        while self.held and next(iter(self.held.values())).leaves_us <= now:
            self.remove(next(iter(self.held)))

    def free_at(self, amount: int, *, besides: str) -> int | None:
        """When this much will have left, not counting one charge; None when there is not so much."""
        for name, held in self.held.items():
            amount -= held.amount if name != besides else 0
            if amount <= 0:
                return held.leaves_us
        return None


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


def _utc_us() -> int:
    return time.time_ns() // 1000


class ProcessStore:
    """The charges of all limits that were asked about, by two clocks: one that never goes back, and the time since 1970."""

    def __init__(self, now_us: Callable[[], int] = _monotonic_us, utc_us: Callable[[], int] = _utc_us) -> None:
        self._now_us, self._utc_us = now_us, utc_us
        self._charges: dict[str, Charges] = {}
        self._numbers = itertools.count()

    def ask(self, step: Step, limits: Sequence[Limit], charge: Charge) -> Verdict:
        """Do one step about all the limits."""
        now = self._now_us()
        name = charge.id or f"#{next(self._numbers)}"
        kept = [self._current(limit, now) for limit in limits]
        if step not in ("take", "look"):
            for limit, charges in zip(limits, kept, strict=True):
                _amend(step, limit, charges, charge, self._leaves(limit, now))
            return Verdict(True, now, [])
        before = [charges.used - _replaced(limit, charges, name) for limit, charges in zip(limits, kept, strict=True)]
        refuses = [used + charge.amount(limit) > limit.limit for limit, used in zip(limits, before, strict=True)]
        if step == "take" and not any(refuses):
            for limit, charges in zip(limits, kept, strict=True):
                charges.put(name, Held(charge.amount(limit), self._leaves(limit, now)))
            before = [charges.used for charges in kept]
        readings = [
            Reading(used, _wait(limit, charges, used, charge if refused else None, now), refused)
            for limit, charges, used, refused in zip(limits, kept, before, refuses, strict=True)
        ]
        return Verdict(not any(refuses), now, readings)

    def forget(self) -> None:
        """Start anew, with nothing taken."""
        self._charges.clear()

    def _current(self, limit: Limit, now: int) -> Charges:
        charges = self._charges.setdefault(limit.log, Charges())
        charges.forget(now)
        return charges

    def _leaves(self, limit: Limit, now: int) -> int:
        if limit.kind == "day":
            return now + DAY_US - self._utc_us() % DAY_US
        return now + limit.span_us


def _amend(step: Step, limit: Limit, charges: Charges, charge: Charge, leaves_us: int) -> None:
    match step, limit.kind:
        case "back", _:
            charges.remove(charge.id)
        case "settle", "tokens":
            charges.amend(charge.id, charge.tokens)
        case "hold", "slots":
            charges.put(charge.id, Held(1, leaves_us))


def _replaced(limit: Limit, charges: Charges, name: str) -> int:
    """What a reservation or a slot that is taken again stood for until now."""
    return charges.of(name) if limit.kind in ("tokens", "slots") else 0


def _wait(limit: Limit, charges: Charges, used: int, refused: Charge | None, now: int) -> int:
    more = refused.amount(limit) if refused else int(used >= limit.limit)
    free_at = charges.free_at(max(used + more - limit.limit, 1), besides=refused.id if refused else "")
    return free_at - now if free_at is not None else 0
