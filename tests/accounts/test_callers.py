"""From a key to its caller."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from accounts import audit, callers, keys, services
from accounts.callers import caller_for
from accounts.models import ApiKey, Client, Tier
from agentplatform.errors import Unauthenticated, Unavailable
from tests.accounts.loops import run
from tests.api import Persona
from tests.outages import postgres_away
from tests.waiting import eventually

Newcomer = Callable[..., Persona]


@pytest.fixture
def queries() -> Iterator[mock.Mock]:
    """The look-ups in the database, which are made all the same."""
    with mock.patch.object(callers, "_query", wraps=callers._query) as spy:
        yield spy


def refusal(secret: str) -> str:
    with pytest.raises(Unauthenticated) as error:
        run(caller_for(secret))
    return error.value.code


def test_a_caller_has_its_clients_and_its_keys_facts(newcomer: Newcomer) -> None:
    moment = timezone.now() + timedelta(days=1)
    dora = newcomer(
        "dora", tier="basic", requests=4, scopes=["read"], allowed_agent_types=["writer"], expires_at=moment
    )
    caller = run(caller_for(dora.key))
    assert (caller.client_id, caller.key_id, caller.client_name) == (dora.client.pk, dora.api_key.pk, "dora")
    assert (caller.tier, set(caller.scopes), set(caller.allowed_agent_types)) == ("basic", {"read"}, {"writer"})
    assert [limit.limit for limit in caller.limits] == [10, 4]
    assert caller.expires_at == moment


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"is_active": False}, "invalid_key"),
        ({"is_active": False, "revoked_at": timezone.now()}, "invalid_key"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired_key"),
    ],
)
def test_a_key_that_is_over_is_refused(newcomer: Newcomer, fields: dict[str, object], code: str) -> None:
    assert refusal(newcomer(**fields).key) == code


def test_a_switched_off_clients_keys_are_refused(newcomer: Newcomer) -> None:
    dora = newcomer()
    Client.objects.filter(pk=dora.client.pk).update(is_active=False)
    assert refusal(dora.key) == "invalid_key"


def test_a_key_expires_although_it_was_cached(newcomer: Newcomer) -> None:
    dora = newcomer(expires_at=timezone.now() + timedelta(seconds=0.5))
    run(caller_for(dora.key))

    def expired() -> bool:
        try:
            run(caller_for(dora.key))
        except Unauthenticated as error:
            return error.code == "expired_key"
        return False

    eventually(expired, within=callers.KEPT_SECONDS / 2)


def test_no_key_and_no_possible_key_cost_no_query(api: object, queries: mock.Mock) -> None:
    made = keys.make().secret
    assert refusal("") == "missing_key"
    assert refusal(made[:-1] + ("a" if made[-1] != "a" else "b")) == "invalid_key"
    assert refusal("k" * 600) == "invalid_key"
    assert queries.call_count == 0


def test_a_flood_of_one_bad_key_costs_one_query(api: object, queries: mock.Mock) -> None:
    secret = keys.make().secret

    async def flood() -> set[str]:
        calls = (caller_for(secret) for _ in range(500))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return {answer.code for answer in answers if isinstance(answer, Unauthenticated)}

    assert run(flood()) == {"invalid_key"}
    assert refusal(secret) == "invalid_key"
    assert queries.call_count == 1


def test_calls_at_once_share_one_query_though_the_first_goes_away(alice: Persona, queries: mock.Mock) -> None:
    async def crowd() -> set[str]:
        calls = [asyncio.create_task(caller_for(alice.key)) for _ in range(50)]
        await asyncio.sleep(0)
        calls[0].cancel()
        return {caller.client_name for caller in await asyncio.gather(*calls[1:])}

    assert run(crowd()) == {"Wonderland"}
    assert queries.call_count == 1


def test_bad_keys_do_not_push_out_good_ones(
    alice: Persona, queries: mock.Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "KEPT_AT_MOST", 5)
    run(caller_for(alice.key))
    for number in range(20):
        assert refusal(f"made-up-{number}") == "invalid_key"
    run(caller_for(alice.key))
    assert queries.call_count == 21
    assert len(callers._unknown) == 5


def test_changes_hold_within_five_seconds(alice: Persona, bob: Persona, charlie: Persona, newcomer: Newcomer) -> None:
    dora = newcomer(tier="basic")
    for persona in (alice, bob, charlie, dora):
        assert persona.get("/agent/types").status_code == 200
    services.revoke(ApiKey.objects.filter(pk=alice.api_key.pk), actor=audit.START)
    Client.objects.filter(pk=charlie.client.pk).update(is_active=False)
    Client.objects.filter(pk=dora.client.pk).update(tier=Tier.objects.get(slug="unlimited"))

    def hold() -> bool:
        codes = [persona.get("/agent/types").status_code for persona in (alice, bob, charlie)]
        return codes == [401, 200, 401] and "RateLimit" not in dora.get("/agent/types").headers

    eventually(hold, within=5)


def test_the_database_away_is_never_a_wrong_key(alice: Persona, bob: Persona) -> None:
    run(caller_for(alice.key))
    with postgres_away():
        assert run(caller_for(alice.key)).client_name == "Wonderland"
        with pytest.raises(Unavailable):
            run(caller_for(bob.key))
        answer = bob.get("/agent/types")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
    assert bob.get("/agent/types").status_code == 200


def test_last_use_is_written_at_most_once_a_minute(alice: Persona, bob: Persona, charlie: Persona) -> None:
    now = timezone.now()
    recent, old = now - timedelta(seconds=30), now - timedelta(seconds=61)
    ApiKey.objects.filter(pk=alice.api_key.pk).update(last_used_at=recent)
    ApiKey.objects.filter(pk=bob.api_key.pk).update(last_used_at=old)
    for persona in (alice, bob, charlie):
        assert persona.get("/agent/types").status_code == 200
    eventually(lambda: (charlie.api_key.last_used_at or old) >= now)
    assert alice.api_key.last_used_at == recent
    bobs = bob.api_key.last_used_at
    assert bobs is not None
    assert bobs >= now
