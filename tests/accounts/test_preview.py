"""The preview of changed limits: the past, decided again by the limiter's own rule."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.limiter.values import DAY_SECONDS, Limit
from accounts.models import ApiKey, AuditEntry, Client, Refusal, Tier
from accounts.preview import previews
from accounts.preview.arrivals import MICROSECONDS, Arrival
from accounts.preview.replay import Replay, compared
from agents.models import Task
from tests.api import Persona
from tests.waiting import eventually

SECOND = MICROSECONDS
MINUTE = 60 * SECOND
HALF_A_DAY = DAY_SECONDS * SECOND // 2
NAMES = {"requests": 60, "tokens": 60, "concurrency": 60, "daily_requests": DAY_SECONDS}
limit_sets = st.fixed_dictionaries({}, optional={name: st.integers(1, 6) for name in NAMES})
moments = st.lists(
    st.tuples(st.integers(0, 300) | st.integers(0, 3 * 86_400), st.integers(0, 4), st.integers(0, 100)), max_size=60
)


def limits(most: dict[str, int]) -> list[Limit]:
    return [Limit(name, number, NAMES[name], "owner", "test") for name, number in most.items()]  # type: ignore[arg-type]  # names of limits


def arrivals(of: Sequence[tuple[int, int, int]]) -> list[Arrival]:
    return [
        Arrival(str(number), None, second * SECOND, tokens=tokens, lasts_us=lasts * SECOND)
        for number, (second, tokens, lasts) in enumerate(sorted(of))
    ]


def by_definition(come: Sequence[Arrival], most: dict[str, int]) -> list[bool]:
    """Whether each is admitted, by what limits say, looking back at all that were admitted before."""
    admitted: list[Arrival] = []
    decided = []
    for arrival in come:
        at = arrival.at_us
        recent = [each for each in admitted if each.at_us > at - MINUTE]
        used = {
            "requests": len(recent),
            "tokens": sum(each.tokens for each in recent),
            "concurrency": sum(each.at_us + each.lasts_us > at for each in admitted),
            "daily_requests": sum(each.at_us // (2 * HALF_A_DAY) == at // (2 * HALF_A_DAY) for each in admitted),
        }
        more = defaultdict(lambda: 1, tokens=arrival.tokens)
        fits = all(used[name] + more[name] <= number for name, number in most.items())
        decided.append(fits)
        if fits:
            admitted.append(arrival)
    return decided


@given(moments, limit_sets)
def test_it_decides_as_limits_are_defined(of: list[tuple[int, int, int]], most: dict[str, int]) -> None:
    come = arrivals(of)
    replay = Replay({None: limits(most)})
    assert [not replay.decide(arrival) for arrival in come] == by_definition(come, most)


@given(moments, limit_sets, limit_sets)
def test_it_tells_every_difference(
    of: list[tuple[int, int, int]], present: dict[str, int], new: dict[str, int]
) -> None:
    come = arrivals(of)
    found = compared(come, Replay({None: limits(present)}), Replay({None: limits(new)}))
    before, after = by_definition(come, present), by_definition(come, new)
    assert found.refused.count == sum(was and not now for was, now in zip(before, after, strict=True))
    assert found.admitted.count == sum(now and not was for was, now in zip(before, after, strict=True))
    assert found.agreed == sum(before)
    if present == new:
        assert found.refused.count == found.admitted.count == 0


@pytest.fixture
def tier(alice: Persona) -> Tier:
    return alice.client.tier


def tasks(of: Persona, number: int, *, apart_seconds: float = 1, ago_days: float = 1) -> None:
    """So many tasks, each of 100 tokens and a cent, one after the other from then on."""
    pattern = Task.objects.filter(client=of.client).first()
    assert pattern is not None
    start = timezone.now() - timedelta(days=ago_days)
    for count in range(number):
        at = start + timedelta(seconds=count * apart_seconds)
        row = {
            "client": of.client,
            "api_key": of.api_key,
            "agent_type": "general",
            "mode": "sync",
            "status": "completed",
        }
        Task.objects.create(
            **row, agent_version=pattern.agent_version, timeout_seconds=1, created_at=at, input_tokens=60, output_tokens=40,
            completed_at=at + timedelta(seconds=0.5), cost_usd=Decimal("0.01"),
        )  # fmt: skip


@pytest.fixture
def past(alice: Persona, bob: Persona, charlie: Persona) -> None:
    """Alice sent 40 requests within 40 s, Bob 10 an hour apart, Charlie one."""
    for who in (alice, bob, charlie):
        who.execute(f"{who.api_key.name} says hello.", cache="bypass")
    Task.objects.update(
        created_at=F("created_at") - timedelta(hours=30), completed_at=F("completed_at") - timedelta(hours=30)
    )
    tasks(alice, 40)
    tasks(bob, 10, apart_seconds=3600, ago_days=3)


def test_a_narrower_tier_would_have_refused(past: None, tier: Tier, alice: Persona) -> None:
    tier.requests = 10
    found = previews.of_tier(tier)
    assert (found.total.requests, found.total.agreed) == (53, 53)
    assert found.total.refused.count == 30
    assert found.total.refused.keys == {alice.api_key.pk}
    assert found.total.refused.cost_usd == Decimal("0.30")
    assert found.total.refused.limits == {"requests": 30}
    assert [(client.name, row.refused.count) for client, row in found.by_client] == [("Wonderland", 30)]
    assert found.total.admitted.count == 0
    assert Tier.objects.get(pk=tier.pk).requests == 100, "nothing is saved"


@pytest.mark.parametrize(
    ("column", "value", "refused"), [("tokens_per_minute", 1000, 30), ("concurrency", 1, 0), ("requests", None, 0)]
)
def test_each_limit_is_replayed(past: None, tier: Tier, column: str, value: int | None, refused: int) -> None:
    setattr(tier, column, value)
    assert previews.of_tier(tier).total.refused.count == refused


def test_a_narrower_key_touches_its_own_requests_alone(past: None, alice: Persona, bob: Persona) -> None:
    key = alice.api_key
    key.requests = 5
    assert previews.of_key(key).total.refused.count == 35
    other = bob.api_key
    other.requests = 1
    assert previews.of_key(other).total.refused.count == 0


def test_a_wider_tier_would_have_admitted_what_was_refused(newcomer: Any) -> None:
    dora: Persona = newcomer(tier="basic")
    for number in range(13):
        dora.execute(f"Number {number}.", cache="bypass")
    eventually(lambda: Refusal.objects.filter(client=dora.client).count() == 3)
    tier = dora.client.tier
    tier.requests = 12
    found = previews.of_tier(tier).total
    assert (found.requests, found.agreed) == (13, 13)
    assert (found.admitted.count, found.refused.count) == (2, 0)
    assert found.admitted.cost_usd > 0


def test_clients_beyond_the_time_are_named(past: None, tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PATIENCE_SECONDS", -1.0)
    tier.requests = 10
    found = previews.of_tier(tier)
    assert {client.name for client in found.left_out} == {client.name for client in Client.objects.filter(tier=tier)}


def sent(tier: Tier, **fields: Any) -> dict[str, Any]:
    columns = ("name", "requests", "window_seconds", "tokens_per_minute", "concurrency", "daily_requests")
    values = {column: getattr(tier, column) for column in columns} | fields
    return {name: "" if value is None else value for name, value in values.items()}


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page)) | {"_save": "1"}


def test_the_console_shows_it_between_the_form_and_its_save(past: None, tier: Tier, operator: Browser) -> None:
    address, audited = reverse("admin:accounts_tier_change", args=[tier.pk]), AuditEntry.objects.count()
    assert 'name="_preview"' in operator.get(address).content.decode()
    page = operator.post(address, sent(tier, requests=10, name="Premier", _preview="")).content.decode()
    assert "Would have refused 30 requests of 1 key" in page
    assert "saved $0.30 (by limit: requests 30)" in page
    assert "100 % of these requests" in page
    assert "Saved along with it: name" in page
    assert (Tier.objects.get(pk=tier.pk).requests, AuditEntry.objects.count()) == (100, audited)
    operator.post(address, hidden(page))
    saved = Tier.objects.get(pk=tier.pk)
    assert (saved.requests, saved.name, AuditEntry.objects.count()) == (10, "Premier", audited + 1)


def test_a_faulty_form_is_shown_again(tier: Tier, operator: Browser) -> None:
    address = reverse("admin:accounts_tier_change", args=[tier.pk])
    page = operator.post(address, sent(tier, requests=-1, _preview="")).content.decode()
    assert "greater than or equal to" in page
    assert Tier.objects.get(pk=tier.pk).requests == 100


def test_without_a_changed_limit_there_is_nothing_to_replay(tier: Tier, operator: Browser) -> None:
    address = reverse("admin:accounts_tier_change", args=[tier.pk])
    page = operator.post(address, sent(tier, name="Premier", _preview="")).content.decode()
    assert "Nothing that decides is changed" in page


def test_a_keys_preview_is_on_its_page(past: None, alice: Persona, operator: Browser) -> None:
    key: UUID = alice.api_key.pk
    address = reverse("admin:accounts_apikey_change", args=[key])
    page = operator.post(address, {"name": "alice", "requests": 5, "_preview": ""}).content.decode()
    assert "Would have refused 35 requests of 1 key" in page
    assert ApiKey.objects.get(pk=key).requests is None
