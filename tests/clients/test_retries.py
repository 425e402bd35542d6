"""When the Python client tries again: as often as helps, no sooner than it was told, and never where it might do harm."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Tier
from agentplatform_client import (
    Agentplatform,
    AgentplatformError,
    Conflict,
    ConnectionFailed,
    RateLimited,
    Retry,
    Unavailable,
)
from agentplatform_client._requests import Request
from agentplatform_client._retries import LONGEST_PAUSE_SECONDS, Patience
from agentplatform_client._settings import Settings
from tests.api import Persona
from tests.clients.conftest import Connect
from tests.clients.proxies import Cutter
from tests.outages import postgres_away
from tests.scripted_model import ScriptedModel

SAFE = Request("GET", "/agent/types", is_repeatable=True)
UNSAFE = Request("POST", "/account/keys", is_repeatable=False)
NOT_SENT = ConnectionFailed("No.", is_sent=False)
SENT = ConnectionFailed("No.", is_sent=True)


def patience(retry_for: float = 60, connect_for: float = 10) -> Patience:
    return Patience(Settings("http://platform", "k", None, retry_for, connect_for))


@pytest.mark.parametrize(
    ("error", "request_", "is_retried"),
    [
        (NOT_SENT, SAFE, True),
        (NOT_SENT, UNSAFE, True),
        (SENT, SAFE, True),
        (SENT, UNSAFE, False),
        (Unavailable(503, {"code": "unavailable"}), UNSAFE, True),
        (Unavailable(503, {}), SAFE, True),
        (Unavailable(503, {}), UNSAFE, False),
        (Unavailable(504, {}), UNSAFE, False),
        (RateLimited(429, {}, 3), UNSAFE, True),
        (Conflict(409, {"code": "conflict"}), SAFE, False),
        (AgentplatformError(), SAFE, False),
    ],
)
def test_only_what_may_be_sent_twice_is(error: AgentplatformError, request_: Request, is_retried: bool) -> None:
    assert (patience().pause(error, request_, now=0, was_reached=True) is not None) == is_retried


@given(
    retry_for=st.floats(0, 1000),
    steps=st.lists(st.tuples(st.sampled_from([None, 0.0, 2.0, 70.0]), st.floats(0, 30), st.booleans()), max_size=60),
)
def test_patience_ends_and_pauses_stay_within_their_bounds(
    retry_for: float, steps: list[tuple[float | None, float, bool]]
) -> None:
    now, tried = 100.0, patience(retry_for)
    for retry_after, took, was_reached in steps:
        error = Unavailable(503, {}, retry_after)
        pause = tried.pause(error, SAFE, now=now, was_reached=was_reached)
        if pause is None:
            return
        assert (retry_after or 0) <= pause <= (retry_after or 0) + LONGEST_PAUSE_SECONDS
        assert now + pause - 100 <= (retry_for if was_reached else min(retry_for, 10))
        now += pause + took
    tried.reset()
    assert tried.attempt == 0


def test_a_server_that_was_never_reached_is_given_up_sooner() -> None:
    assert patience().pause(RateLimited(429, {}, 30), SAFE, now=0, was_reached=False) is None
    assert patience().pause(RateLimited(429, {}, 30), SAFE, now=0, was_reached=True) is not None


def test_a_limit_is_waited_for(connect: Connect, newcomer: Callable[..., Persona], model: ScriptedModel) -> None:
    persona = newcomer(tier="basic", requests=1)
    Tier.objects.filter(slug="basic").update(window_seconds=1)
    retries: list[Retry] = []
    client = connect(key=persona.key, on_retry=retries.append)
    assert [client.run(f"Number {number}.").status for number in range(2)] == ["completed"] * 2
    assert isinstance(retries[0].reason, RateLimited)
    assert model.calls == 2


def test_a_database_that_comes_back_is_waited_for(alice: Persona, model: ScriptedModel) -> None:
    retries: list[Retry] = []
    away = postgres_away()

    def come_back(retry: Retry) -> None:
        retries.append(retry)
        if len(retries) == 1:
            away.__exit__(None, None, None)

    with Agentplatform(str(alice.base_url), alice.key, on_retry=come_back) as client:
        client.account()
        away.__enter__()
        assert client.run("Patience.").status == "completed"
    assert isinstance(retries[0].reason, Unavailable)
    assert retries[0].seconds >= 5
    assert model.calls == 1


def test_a_key_is_not_made_twice(connect: Connect, proxy: Cutter, newcomer: Callable[..., Persona]) -> None:
    manager = newcomer(scopes=["keys"])
    proxy.budgets.append(20)  # not even the answer's first line
    with pytest.raises(ConnectionFailed) as raised:
        connect(proxy.url, manager.key).keys.create("once", scopes=["keys"])
    assert raised.value.is_sent
    assert len([key for key in manager.get("/account/keys").json()["keys"] if key["name"] == "once"]) == 1
