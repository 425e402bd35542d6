"""Recorded requests under a set of limits, decided by the limiter's own rule, with a clock that follows the record."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from accounts.limiter.process_store import ProcessStore
from accounts.limiter.values import Charge, Limit
from accounts.preview.arrivals import Arrival

# A slot is held until its task ends, however often its lease is renewed.
HELD_SECONDS = 10 * 365 * 86_400
Limits = Mapping[UUID | None, Sequence[Limit]]
"""The limits of each key of a client; of None, those of a request whose key is gone."""


class Rule(Protocol):
    """A rule as it would have decided. Arrivals come in the order of their times."""

    def decide(self, arrival: Arrival) -> str:
        """What refuses the request; empty when it is admitted."""
        ...


class Replay:
    """The limiter of one client."""

    def __init__(self, limits: Limits) -> None:
        self._limits = {key_id: [_held(limit) for limit in all_of_it] for key_id, all_of_it in limits.items()}
        self._now_us = 0
        self._store = ProcessStore(now_us=self._now, utc_us=self._now)
        self._running: list[tuple[int, str, list[Limit]]] = []

    def decide(self, arrival: Arrival) -> str:
        """The name of the limit that refuses the request; empty when it is admitted."""
        self._end_tasks(arrival.at_us)
        self._now_us = arrival.at_us
        limits = self._limits.get(arrival.key_id, self._limits[None])
        verdict = self._store.ask("take", limits, Charge(arrival.id, arrival.tokens))
        if not verdict.is_admitted:
            return next(limit.name for limit, reading in zip(limits, verdict.readings, strict=True) if reading.refuses)
        if slots := [limit for limit in limits if limit.kind == "slots"]:
            heapq.heappush(self._running, (arrival.at_us + arrival.lasts_us, arrival.id, slots))
        return ""

    def _end_tasks(self, until_us: int) -> None:
        while self._running and self._running[0][0] <= until_us:
            self._now_us, task, slots = heapq.heappop(self._running)
            self._store.ask("back", slots, Charge(task))

    def _now(self) -> int:
        return self._now_us


def _held(limit: Limit) -> Limit:
    return replace(limit, window_seconds=HELD_SECONDS) if limit.kind == "slots" else limit


@dataclass(slots=True)
class Tally:
    """Requests that the two rules decide differently in the same way."""

    count: int = 0
    cost_usd: Decimal = Decimal(0)
    keys: set[UUID | None] = field(default_factory=set)
    limits: Counter[str] = field(default_factory=Counter)

    def add(self, arrival: Arrival, limit: str) -> None:
        """Count one, with the limit that refuses it."""
        self.count += 1
        self.cost_usd += arrival.cost_usd
        self.keys.add(arrival.key_id)
        self.limits[limit] += 1


@dataclass(slots=True)
class Comparison:
    """What the new rule would have changed. `agreed`: where the present rule, replayed, decides as it is on record."""

    requests: int = 0
    agreed: int = 0
    refused: Tally = field(default_factory=Tally)
    admitted: Tally = field(default_factory=Tally)

    def add(self, other: "Comparison") -> None:
        """Count another client's as well."""
        self.requests += other.requests
        self.agreed += other.agreed
        for mine, its in ((self.refused, other.refused), (self.admitted, other.admitted)):
            mine.count += its.count
            mine.cost_usd += its.cost_usd
            mine.keys |= its.keys
            mine.limits += its.limits


def compared(arrivals: Iterable[Arrival], under_present: Rule, under_new: Rule) -> Comparison:
    """Replay one client's requests under both rules, side by side.

    Both are replayed, so that what the replay leaves out touches both alike; an unchanged rule changes nothing.
    """
    found = Comparison()
    for arrival in arrivals:
        before, after = under_present.decide(arrival), under_new.decide(arrival)
        found.requests += 1
        found.agreed += arrival.was_admitted == (not before)
        if after and not before:
            found.refused.add(arrival, after)
        elif before and not after:
            found.admitted.add(arrival, before)
    return found
