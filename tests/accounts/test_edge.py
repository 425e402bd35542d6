"""How many wrong keys and passwords one address may try."""

from collections.abc import Callable
from unittest import mock

import django.test
import httpx
import pytest
from pytest_django import Settings

from accounts import callers, edge, guess_gate, keys
from tests.api import Api, Persona
from tests.fixtures import Logs
from tests.outages import redis_away
from tests.personas import OPERATOR, OPERATOR_PASSWORD
from tests.waiting import eventually


@pytest.fixture
def guess(api: Api) -> Callable[..., tuple[int, str]]:
    """Call with a key that does not exist; the status and the code of the answer."""

    def call(forwarded: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {keys.make().secret}", "X-Forwarded-For": forwarded}
        answer = api.get("/agent/types", headers=headers)
        return answer.status_code, answer.json()["code"]

    return call


def test_an_address_may_guess_only_so_many_keys(
    api: Api, alice: Persona, guess: Callable[..., tuple[int, str]], settings: Settings
) -> None:
    settings.FAILED_AUTHENTICATION_LIMIT = 3
    assert [guess() for _ in range(3)] == [(401, "invalid_key")] * 3
    answer = api.get("/agent/types", headers={"Authorization": f"Bearer {keys.make().secret}"})
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    limit = answer.json()["limit"]
    assert 0 < limit.pop("reset_seconds") <= 60
    assert limit == {"name": "failed_authentication", "limit": 3, "remaining": 0, "window_seconds": 60}
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert alice.get("/agent/types").status_code == 200  # from the same address
    assert api.get("/agent/types").json()["code"] == "missing_key"  # no guess


def test_a_refused_address_is_refused_from_memory(
    guess: Callable[..., tuple[int, str]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FAILED_AUTHENTICATION_LIMIT = 1
    assert [guess() for _ in range(2)] == [(401, "invalid_key"), (429, "rate_limited")]
    monkeypatch.setattr(edge, "get_usage", None)  # calling it would be a 500
    assert guess() == (429, "rate_limited")


def test_a_flood_from_a_refused_address_is_answered_before_all_else(
    api: Api,
    alice: Persona,
    guess: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    logs: Logs,
) -> None:
    assert alice.get("/agent/types").status_code == 200
    edge._remember("127.0.0.1", 60)  # a fixed window may be over sooner
    monkeypatch.setattr(guess_gate.GuessGate, "_may_pass", lambda _: False)  # else one in a while
    before = len(logs.events("request"))
    with mock.patch.object(callers, "_query", wraps=callers._query) as query:
        assert {guess() for _ in range(30)} == {(429, "rate_limited")}
        assert query.call_count == 0
        assert len(logs.events("request")) == before
        assert alice.get("/agent/types").status_code == 200  # known here, from the same address
    answer = api.get("/agent/types", headers={"Authorization": "Bearer guess", "X-Request-ID": "req-17"})
    assert (answer.status_code, answer.json()["request_id"]) == (429, "req-17")
    assert answer.headers["X-Request-ID"] == "req-17"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert api.get("/agent/types").json()["code"] == "missing_key"
    assert api.get("/health/live", headers={"Authorization": "Bearer guess"}).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/errors", "/docs/keys", "/openapi.json"])
def test_an_address_may_open_only_so_many_pages(api: Api, settings: Settings, path: str) -> None:
    settings.DOCS_LIMIT = 1
    assert api.get(path).status_code == 200
    answer = eventually(lambda: refused(api.get(path)))  # its window may be over between two calls
    assert answer.json()["limit"]["name"] == "docs"
    assert 0 < int(answer.headers["Retry-After"]) <= 61


def refused(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 429
    return answer


def test_pages_are_shown_with_redis_away_too(api: Api, settings: Settings) -> None:
    settings.DOCS_LIMIT = 1
    with redis_away():
        assert [api.get("/docs").status_code for _ in range(3)] == [200] * 3


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "REMEMBERED_AT_MOST", 5)
    for number in range(20):
        edge._remember(f"192.0.2.{number}", 60)
    assert list(edge._refused_until) == [f"192.0.2.{number}" for number in range(15, 20)]
    edge.forget()


def test_addresses_behind_a_trusted_proxy_are_told_apart(
    guess: Callable[..., tuple[int, str]], settings: Settings
) -> None:
    settings.FAILED_AUTHENTICATION_LIMIT, settings.TRUSTED_PROXIES = 1, 1
    assert [guess("192.0.2.1") for _ in range(2)] == [(401, "invalid_key"), (429, "rate_limited")]
    assert guess("192.0.2.2") == (401, "invalid_key")


def test_an_untrusted_header_changes_nothing(guess: Callable[..., tuple[int, str]], settings: Settings) -> None:
    settings.FAILED_AUTHENTICATION_LIMIT = 1
    assert guess("192.0.2.1") == (401, "invalid_key")
    assert guess("192.0.2.2") == (429, "rate_limited")


def test_with_redis_away_wrong_keys_are_still_just_wrong(
    guess: Callable[..., tuple[int, str]], settings: Settings
) -> None:
    settings.FAILED_AUTHENTICATION_LIMIT = 1
    with redis_away():
        assert [guess() for _ in range(5)] == [(401, "invalid_key")] * 5


def login(client: django.test.Client, password: str) -> int:
    return client.post("/admin/login/", {"username": OPERATOR, "password": password}).status_code


def test_an_address_may_try_only_so_many_passwords(database: object, settings: Settings) -> None:
    settings.ADMIN_LOGIN_LIMIT = 1
    client = django.test.Client()
    eventually(lambda: login(client, "wrong") == 429, within=30)  # its window may be over between two tries
    answer = client.post("/admin/login/", {"username": OPERATOR, "password": OPERATOR_PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 61
    assert "Too many passwords were tried from your address" in answer.text
    assert client.get("/admin/login/").status_code == 200


def test_the_right_password_lets_in_with_redis_away_too(database: object, settings: Settings) -> None:
    settings.ADMIN_LOGIN_LIMIT = 1
    with redis_away():
        assert login(django.test.Client(), "wrong") == 200
        assert login(django.test.Client(), OPERATOR_PASSWORD) == 302
