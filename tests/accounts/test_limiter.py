"""The limiter's corners, in Redis and in a process's memory, and many processes at once. See also test_limiter_model.py."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import redis

from accounts.limiter.values import Charge, Name, Step
from tests.accounts.limiter_clock import DAY, SECOND, START, STORES, Clock, limit
from tests.fixtures import World

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(params=STORES)
def clock(request: pytest.FixtureRequest, redis_server: "redis.Redis") -> Clock:
    return Clock(request.param, redis_server)


def test_a_refused_call_is_charged_to_no_limit(clock: Clock) -> None:
    client, key = limit(5), limit(1)
    answers = [clock.ask([client, key], START).is_admitted for _ in range(10)]
    assert answers == [True] + [False] * 9
    assert clock.ask([client], START, step="look").readings[0].used == 1


def test_looking_consumes_nothing(clock: Clock) -> None:
    only = limit(1)
    assert [clock.ask([only], START, step="look").is_admitted for _ in range(5)] == [True] * 5
    assert clock.ask([only], START).is_admitted
    verdict = clock.ask([only], START, step="look")
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


def test_tokens_settled_below_their_reservation_make_room(clock: Clock) -> None:
    only = limit(100, name="tokens")
    assert clock.ask([only], START, Charge("a", 80)).is_admitted
    refused = clock.ask([only], START + 1, Charge("b", 60))
    assert (refused.is_admitted, refused.readings[0].reset_us) == (False, SECOND - 1)
    clock.ask([only], START + 2, Charge("a", 30), step="settle")
    verdict = clock.ask([only], START + 2, Charge("b", 60))
    assert (verdict.is_admitted, verdict.readings[0].used) == (True, 90)


def test_a_reservation_made_again_moves_with_its_call(clock: Clock) -> None:
    """Accepted now, called by a worker later: the tokens belong to the moment of the call, and count once."""
    only, later = limit(100, name="tokens"), START + SECOND // 2
    clock.ask([only], START, Charge("a", 80))
    again = clock.ask([only], later, Charge("a", 90))
    assert (again.is_admitted, again.readings[0].used) == (True, 90)
    assert not clock.ask([only], START + SECOND, Charge("b", 20)).is_admitted
    assert clock.ask([only], later + SECOND, Charge("b", 20)).is_admitted


def test_a_charge_given_back_leaves_no_trace(clock: Clock) -> None:
    limits = [limit(1), limit(5, name="tokens"), limit(1, name="concurrency"), limit(1, name="daily_requests")]
    charge = Charge("a", 5)
    verdict = clock.ask(limits, START, charge)
    assert verdict.is_admitted
    assert not clock.ask(limits, START, Charge("b", 5)).is_admitted
    clock.ask(limits, START + 10, replace(charge, at_us=verdict.at_us), step="back")
    assert clock.ask(limits, START + 10, Charge("b", 5)).is_admitted


def test_a_slot_lapses_unless_it_is_held(clock: Clock) -> None:
    only = limit(1, name="concurrency")
    clock.ask([only], START, Charge("a"))
    clock.ask([only], START + SECOND - 1, Charge("a"), step="hold")
    assert not clock.ask([only], START + SECOND, Charge("b")).is_admitted
    assert clock.ask([only], START + 2 * SECOND - 1, Charge("b")).is_admitted


def test_a_day_begins_at_midnight_utc(clock: Clock) -> None:
    only, midnight = limit(2, name="daily_requests"), START - START % DAY + DAY
    assert [clock.ask([only], midnight - 2).is_admitted for _ in range(3)] == [True, True, False]
    assert clock.ask([only], midnight - 1).readings[0].reset_us == 1
    assert [clock.ask([only], midnight).is_admitted for _ in range(3)] == [True, True, False]


def test_a_clock_set_back_over_midnight_begins_no_new_day(redis_server: "redis.Redis") -> None:
    clock, only, midnight = Clock("redis", redis_server), limit(1, name="daily_requests"), START - START % DAY
    assert clock.ask([only], midnight).is_admitted
    assert not clock.ask([only], midnight - SECOND).is_admitted


def test_everything_kept_expires(redis_server: "redis.Redis") -> None:
    owner = f"{{{uuid4()}}}"
    names: list[Name] = ["requests", "tokens", "concurrency", "daily_requests"]
    limits = [limit(2, name=name, owner=owner) for name in names]
    steps: list[Step] = ["take", "settle", "hold", "back", "look"]
    clock = Clock("redis", redis_server)
    for step in steps:
        clock.ask(limits, START, Charge("a", 1), step=step)
    clock.ask(limits, START, Charge("b", 2))
    kept = [name for name in redis_server.scan_iter("ap:limit:*") if owner in name]
    assert len(kept) == 5
    assert all(redis_server.pttl(name) > 0 for name in kept)


CROWD = """
import asyncio, json, random, sys, time, uuid, django
django.setup(set_prefix=False)
from accounts.limiter.redis_store import ask
from accounts.limiter.values import Charge, Limit
from agentplatform.redis import attempt
from dataclasses import replace

limits = [Limit(*each) for each in json.loads(sys.argv[1])]
tokens, takings, refused = [], [], 0

async def client(ends):
    global refused
    while time.monotonic() < ends:
        charge = Charge(str(uuid.uuid4()), random.randint(1, 20))
        verdict = await attempt(lambda redis: ask(redis, "take", limits, charge))
        if not verdict.is_admitted:
            refused += 1
            await asyncio.sleep(random.random() / 20)
            continue
        await asyncio.sleep(random.random() / 20)
        true = random.randint(0, charge.tokens)
        only = [limit for limit in limits if limit.name == "tokens"]
        await attempt(lambda redis: ask(redis, "settle", only, replace(charge, tokens=true)))
        slots = [limit for limit in limits if limit.name == "concurrency"]
        ended = await attempt(lambda redis: ask(redis, "back", slots, charge))
        takings.append([verdict.at_us, ended.at_us, true])

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    ends = time.monotonic() + 3
    await asyncio.gather(*(client(ends) for _ in range(50)))
    print(json.dumps([takings, refused]))

asyncio.run(main())
"""
PROCESSES = 4


def test_200_clients_in_four_processes_never_overrun(database: World) -> None:
    """Requests, tokens, tasks at once and the day, of a client and of its key, all asked at once for three seconds."""
    owner = f"{{{uuid4()}}}"
    names = {"requests": (60, 1), "tokens": (400, 1), "concurrency": (12, 60), "daily_requests": (100_000, 86_400)}
    limits = [[name, most, seconds, owner, "tier test"] for name, (most, seconds) in names.items()]
    limits.append(["requests", 50, 1, f"{owner}:key", "this key"])
    takings, refused = _crowd(limits)
    assert refused > 0
    for start, *_ in takings:
        window = [taking for taking in takings if start <= taking[0] < start + SECOND]
        assert len(window) <= 50
        assert sum(taking[2] for taking in window) <= 400
        assert sum(1 for taking in takings if taking[0] <= start < taking[1]) <= 12
    assert len(takings) > 30  # it was not refused all the time


def _crowd(limits: list[list[Any]]) -> tuple[list[list[int]], int]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate()[0]) for process in processes]
    return [taking for takings, _ in answers for taking in takings], sum(refused for _, refused in answers)
