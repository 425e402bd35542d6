"""The limiter's rule, in Redis and in a process's memory, against a model that a child could check."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
import redis
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.sliding_log import Limit, Logs, Verdict, in_redis
from tests.fixtures import World

pytestmark = pytest.mark.usefixtures("database")
SECOND = 1_000_000
START = 1_790_000_000 * SECOND

STORES = ("redis", "process")


class Clock:
    """A store of logs whose clock the test sets: `ask` at a time in microseconds."""

    def __init__(self, store: str, connection: "redis.Redis") -> None:
        self.store, self.connection, self.logs = store, connection, Logs()

    def ask(self, limits: Sequence[Limit], now: int, *, consume: bool = True) -> Verdict:
        if self.store == "process":
            with mock.patch("time.monotonic_ns", return_value=now * 1000):
                return self.logs.ask(limits, consume=consume)
        return asyncio.run(in_redis(Redis(self.connection, now), limits, consume=consume))  # type: ignore[arg-type]  # all of Redis that it uses


class Redis:
    """The real server and the real script, but for the clock."""

    def __init__(self, connection: "redis.Redis", now: int) -> None:
        self.connection, self.now = connection, now

    def register_script(self, script: str) -> Any:
        timed = script.replace("redis.call('TIME')", f"{{{self.now // SECOND}, {self.now % SECOND}}}")
        assert timed != script

        async def call(keys: list[str], args: list[str | int]) -> Any:
            return self.connection.eval(timed, len(keys), *keys, *args)

        return call


@pytest.fixture(params=STORES)
def clock(request: pytest.FixtureRequest, redis_server: "redis.Redis") -> Clock:
    return Clock(request.param, redis_server)


def limit(most: int, window_seconds: int = 1, *, owner: str = "") -> Limit:
    return Limit("requests", most, window_seconds, owner or str(uuid4()), "tier test")


def model(limits: Sequence[Limit], admitted: dict[str, list[int]], now: int) -> bool:
    """The rule in its plainest words: fewer than the limit in the half-open window that ends now."""
    return all(
        sum(1 for at in admitted[limit.owner] if at > now - limit.window_seconds * SECOND) < limit.limit
        for limit in limits
    )


gaps = st.one_of(
    st.integers(0, 3 * SECOND), st.sampled_from([0, 1, SECOND // 4, SECOND - 1, SECOND, SECOND + 1, 2 * SECOND])
)
calls = st.lists(st.tuples(gaps, st.sampled_from(["both", "client", "key"])), max_size=60)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the fixtures hold no state that examples share: each has logs of its own
@example(calls=[(0, "client")] * 4 + [(SECOND - 1, "client"), (1, "client")], client_most=4, key_most=1, window=1)
@given(calls=calls, client_most=st.integers(1, 6), key_most=st.integers(1, 6), window=st.integers(1, 2))
def test_it_admits_exactly_what_the_model_admits(
    clock: Clock, calls: list[tuple[int, str]], client_most: int, key_most: int, window: int
) -> None:
    client, key = limit(client_most, window), limit(key_most, window)
    chosen = {"both": [client, key], "client": [client], "key": [key]}
    admitted: dict[str, list[int]] = {client.owner: [], key.owner: []}
    now = START
    for gap, which in calls:
        now += gap
        verdict = clock.ask(chosen[which], now)
        assert verdict.is_admitted == model(chosen[which], admitted, now)
        if verdict.is_admitted:
            for taken in chosen[which]:
                admitted[taken.owner].append(now)
    for each in (client, key):
        times, width = admitted[each.owner], each.window_seconds * SECOND
        assert all(sum(1 for at in times if start <= at < start + width) <= each.limit for start in times)


@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(most=st.integers(1, 20), burst=st.lists(st.integers(0, SECOND // 10), max_size=40))
def test_a_refusal_tells_the_exact_wait(clock: Clock, most: int, burst: list[int]) -> None:
    only, now = limit(most), START
    for gap in burst:
        now += gap
        clock.ask([only], now)
    verdict = clock.ask([only], now)
    if not verdict.is_admitted:
        wait = verdict.readings[0].reset_us
        assert not clock.ask([only], now + wait - 1).is_admitted
        assert clock.ask([only], now + wait).is_admitted


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(most=st.integers(1, 30), jitter=st.integers(0, 1000))
def test_evenly_spaced_calls_are_never_refused(clock: Clock, most: int, jitter: int) -> None:
    only, spacing = limit(most), -(-SECOND // most)
    times = [START + number * spacing for number in range(3 * most)]
    assert all(clock.ask([only], at + jitter).is_admitted for at in times)


def test_a_refused_call_is_charged_to_no_limit(clock: Clock) -> None:
    client, key = limit(5), limit(1)
    answers = [clock.ask([client, key], START).is_admitted for _ in range(10)]
    assert answers == [True] + [False] * 9
    assert clock.ask([client], START, consume=False).readings[0].used == 1


def test_looking_consumes_nothing(clock: Clock) -> None:
    only = limit(1)
    assert [clock.ask([only], START, consume=False).is_admitted for _ in range(5)] == [True] * 5
    assert clock.ask([only], START).is_admitted
    verdict = clock.ask([only], START, consume=False)
    assert (verdict.is_admitted, verdict.readings[0].used, verdict.readings[0].reset_us) == (False, 1, SECOND)


def test_a_lowered_limit_counts_what_was_admitted_under_the_old_one(clock: Clock) -> None:
    wide = limit(10)
    narrow = replace(wide, limit=3)
    for tenth in range(10):
        assert clock.ask([wide], START + tenth * SECOND // 10).is_admitted
    now = START + SECOND - 1
    verdict = clock.ask([narrow], now)
    assert not verdict.is_admitted
    # Seven of the ten must leave; the seventh did what it did at 0.7 s.
    assert verdict.readings[0].reset_us == START + 7 * SECOND // 10 + SECOND - now
    assert not clock.ask([narrow], now + verdict.readings[0].reset_us - 1).is_admitted
    assert clock.ask([narrow], now + verdict.readings[0].reset_us).is_admitted


def test_a_long_burst_is_forgotten_at_once(clock: Clock) -> None:
    only = limit(1000)
    for number in range(350):
        clock.ask([only], START + number)
    verdict = clock.ask([only], START + SECOND + 300)
    assert verdict.readings[0].used == 350 - 301 + 1


def test_a_clock_set_back_admits_nothing_more(redis_server: "redis.Redis") -> None:
    clock, only = Clock("redis", redis_server), limit(2)
    clock.ask([only], START)
    clock.ask([only], START)
    assert not clock.ask([only], START - 10 * SECOND).is_admitted
    assert clock.ask([only], START + SECOND).is_admitted


def test_logs_expire(redis_server: "redis.Redis") -> None:
    only = limit(2)
    Clock("redis", redis_server).ask([only], START)
    assert 1000 < redis_server.pttl(only.log) <= 2000


CROWD = """
import asyncio, json, sys, django
django.setup(set_prefix=False)
from accounts.sliding_log import Limit, in_redis
from agentplatform.redis import attempt

async def main():
    limits = [Limit("requests", most, 60, owner, "tier test") for most, owner in json.loads(sys.argv[1])]
    print("ready", flush=True)
    sys.stdin.readline()
    calls = (attempt(lambda client: in_redis(client, limits, consume=True)) for _ in range(200))
    verdicts = await asyncio.gather(*calls)
    print(sum(verdict.is_admitted for verdict in verdicts))

asyncio.run(main())
"""


def test_processes_together_never_overrun(database: World) -> None:
    """Three processes, 200 calls each at once: the client's 100 over two keys of which one may 30."""
    client = str(uuid4())
    crowds = [[[100, client], [30, f"{client}:a"]], [[100, client]], [[100, client]]]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for limits in crowds
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    admitted = [int(process.communicate()[0] or -1) for process in processes]
    assert sum(admitted) == 100
    assert admitted[0] <= 30
