"""The limiter with a clock that the test sets: the real script in the real Redis, or the store of one process."""

from collections.abc import Coroutine, Sequence
from typing import Any
from unittest import mock
from uuid import uuid4

import redis

from accounts.limiter import redis_store
from accounts.limiter.process_store import ProcessStore
from accounts.limiter.values import DAY_SECONDS, Charge, Limit, Name, Step, Verdict

SECOND = 1_000_000
DAY = DAY_SECONDS * SECOND
START = 20_717 * DAY + 3600 * SECOND  # an hour after a midnight
STORES = ("redis", "process")


class Clock:
    """A store of charges; `ask` at a time in microseconds."""

    def __init__(self, store: str, connection: "redis.Redis") -> None:
        self.store, self.connection, self.process = store, connection, ProcessStore()

    def ask(self, limits: Sequence[Limit], now: int, charge: Charge | None = None, *, step: Step = "take") -> Verdict:
        charge = charge or Charge()
        if self.store == "process":
            with (
                mock.patch("time.monotonic_ns", return_value=now * 1000),
                mock.patch("time.time_ns", return_value=now * 1000),
            ):
                return self.process.ask(step, limits, charge)
        timed = Redis(self.connection, now)
        return _finished(redis_store.ask(timed, step, limits, charge))  # type: ignore[arg-type]  # all of Redis that it uses


class Redis:
    """The real server and the real script, but for the clock."""

    def __init__(self, connection: "redis.Redis", now: int) -> None:
        self.connection, self.now = connection, now

    async def evalsha(self, sha: str, count: int, *arguments: Any) -> Any:
        script = redis_store.SCRIPT.text.decode()
        timed = script.replace("redis.call('TIME')", f"{{{self.now // SECOND}, {self.now % SECOND}}}")
        assert timed != script
        return self.connection.eval(timed, count, *arguments)


def _finished(work: Coroutine[Any, Any, Verdict]) -> Verdict:
    """What the work returns; nothing in it waits, so it needs no loop."""
    try:
        work.send(None)
    except StopIteration as done:
        verdict: Verdict = done.value
        return verdict
    raise AssertionError("The work waits for something.")


def limit(most: int, window_seconds: int = 1, *, name: Name = "requests", owner: str = "") -> Limit:
    seconds = DAY_SECONDS if name == "daily_requests" else window_seconds
    return Limit(name, most, seconds, owner or f"{{{uuid4()}}}", "tier test")
