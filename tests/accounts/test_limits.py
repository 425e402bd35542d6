"""How much a caller may."""

import asyncio
import threading
import time
from collections.abc import Callable
from unittest import mock

import pytest
import redis

from accounts import callers, limits
from accounts.callers import Caller, caller_for
from accounts.limits import Admission, Kind, Standing
from accounts.models import Tier
from agentplatform import metrics
from agentplatform.errors import RateLimited
from tests.accounts.loops import run
from tests.api import Persona
from tests.fixtures import Logs
from tests.outages import redis_away
from tests.waiting import eventually

Newcomer = Callable[..., Persona]


def caller(persona: Persona) -> Caller:
    return run(caller_for(persona.key))


def take(who: Caller, kind: Kind = "requests") -> Standing | None:
    standings = run(limits.take(who, kind)).standings
    return standings[0] if standings else None


def look(who: Caller, kind: Kind = "requests") -> Standing | None:
    standings = run(limits.standings(who, kind))
    return standings[0] if standings else None


def admitted(who: Caller, kind: Kind = "requests", *, calls: int) -> int:
    """How many of so many calls at once are admitted."""

    async def crowd() -> int:
        answers = await asyncio.gather(*(limits.take(who, kind) for _ in range(calls)), return_exceptions=True)
        assert all(isinstance(answer, Admission | RateLimited) for answer in answers)
        return sum(isinstance(answer, Admission) for answer in answers)

    return run(crowd())


@pytest.mark.parametrize(
    ("tier", "of_the_key", "kind", "expected"),
    [
        ("basic", None, "requests", 10),
        ("basic", None, "estimates", 10),
        ("basic", None, "calls", 200),
        ("premium", None, "requests", 100),
        ("premium", None, "calls", 2000),
        ("basic", 3, "requests", 3),
        ("basic", 3, "estimates", 3),
        ("basic", 3, "calls", 60),
        ("unlimited", 3, "requests", 3),
        ("unlimited", None, "requests", None),
        ("unlimited", None, "calls", None),
    ],
)
def test_each_tier_and_key_has_its_limit(
    newcomer: Newcomer, tier: str, of_the_key: int | None, kind: Kind, expected: int | None
) -> None:
    who = caller(newcomer(tier=tier, requests=of_the_key))
    standing = take(who, kind)
    if expected is None:
        assert standing is None
        return
    assert standing is not None
    assert (standing.name, standing.limit, standing.remaining, standing.window_seconds) == (
        kind, expected, expected - 1, 60,
    )  # fmt: skip
    assert 59 < standing.reset_seconds <= 60
    assert admitted(who, kind, calls=expected + 5) == expected - 1


def test_a_refusal_explains_itself(newcomer: Newcomer) -> None:
    who = caller(newcomer(tier="basic"))
    admitted(who, calls=10)
    with pytest.raises(
        RateLimited, match="10 requests per 60 s allowed for tier basic; the next is allowed in "
    ) as error:
        take(who)
    figures = error.value.members["limit"]
    assert 55 < figures.pop("reset_seconds") <= 60
    assert figures == {"name": "requests", "limit": 10, "remaining": 0, "window_seconds": 60}
    assert 55 < int(error.value.headers["Retry-After"]) <= 60


def test_kinds_are_counted_apart(newcomer: Newcomer) -> None:
    who = caller(newcomer(tier="basic"))
    assert admitted(who, "requests", calls=20) == 10
    assert admitted(who, "estimates", calls=20) == 10
    assert admitted(who, "calls", calls=210) == 200


def test_all_keys_of_a_client_share_its_limit(alice: Persona, bob: Persona, charlie: Persona) -> None:
    assert admitted(caller(alice), calls=60) == 60
    assert admitted(caller(bob), calls=60) == 40
    assert admitted(caller(charlie), calls=60) == 60


def test_a_narrower_key_leaves_the_rest_to_the_others(alice: Persona, bob: Persona) -> None:
    key = bob.api_key
    key.requests = 5
    key.save()
    assert admitted(caller(bob), calls=50) == 5
    with pytest.raises(RateLimited, match="5 requests per 60 s allowed for this key"):
        take(caller(bob))
    assert admitted(caller(alice), calls=150) == 95
    with pytest.raises(RateLimited, match="100 requests per 60 s allowed for tier premium"):
        take(caller(alice))


def test_looking_consumes_nothing(newcomer: Newcomer) -> None:
    who = caller(newcomer(tier="basic"))
    looks = [look(who) for _ in range(12)]
    assert {seen.remaining for seen in looks if seen} == {10}
    assert admitted(who, calls=12) == 10
    seen = look(who)
    assert seen is not None
    assert seen.remaining == 0


def test_who_waits_as_told_is_admitted(newcomer: Newcomer) -> None:
    Tier.objects.create(slug="quick", name="Quick", requests=2, window_seconds=1)
    who, began = caller(newcomer(tier="quick")), time.monotonic()
    assert admitted(who, calls=5) == 2
    with pytest.raises(RateLimited) as error:
        take(who)
    time.sleep(error.value.members["limit"]["reset_seconds"])
    assert take(who) is not None
    assert time.monotonic() - began >= 1


def test_a_call_costs_one_trip_to_redis_and_no_query(alice: Persona, redis_server: redis.Redis) -> None:
    assert alice.get("/account/keys").status_code == 403  # now the key is known
    trips = []
    for _ in range(3):  # something of an earlier test may still speak to Redis meanwhile
        redis_server.config_resetstat()
        with mock.patch.object(callers, "_query") as query:
            assert [alice.get("/account/keys").status_code for _ in range(5)] == [403] * 5
        assert query.call_count == 0
        trips.append(redis_server.info("commandstats")["cmdstat_evalsha"]["calls"])
    assert min(trips) == 5


def test_event_loops_at_once_never_overrun(alice: Persona) -> None:
    who, counts = caller(alice), []
    threads = [threading.Thread(target=lambda: counts.append(admitted(who, calls=100))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100


def test_with_redis_away_each_process_counts_its_share_and_no_restart_is_needed(newcomer: Newcomer, logs: Logs) -> None:
    who, before = caller(newcomer(tier="basic")), metrics.limiter_fallback_total.collect()
    with redis_away():
        assert admitted(who, calls=20) == 3  # WEB_WORKERS is 2, and there is a worker
        with pytest.raises(RateLimited) as error:
            take(who)
        assert error.value.members["limit"]["limit"] == 3
    assert _value(metrics.limiter_fallback_total.collect()) - _value(before) == 21

    def counted_in_redis_again() -> bool:
        seen = look(who)
        return seen is not None and (seen.limit, seen.remaining) == (10, 10)

    eventually(counted_in_redis_again)
    assert len(logs.events("limits_in_fallback")) == len(logs.events("limits_exact_again")) == 1


def _value(families: object) -> float:
    return sum(
        sample.value
        for family in families  # type: ignore[attr-defined]  # an iterable of prometheus_client's metrics
        for sample in family.samples
        if sample.name.endswith("_total")
    )
