"""What browsers of other sites may do: the listed ones call the API, no other reads an answer."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from tests.api import Api, Persona

OURS, THEIRS = "https://app.example.org", "https://evil.example.org"


@pytest.fixture
def listed(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]
    settings.CORS_ALLOW_ALL_ORIGINS = False


def preflight(api: Api, origin: str) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return api.request("OPTIONS", "/agent/execute", headers=headers)


def test_a_listed_origin_may_call(alice: Persona, api: Api, listed: None) -> None:
    asked = preflight(api, OURS)
    assert asked.headers["Access-Control-Allow-Origin"] == OURS
    assert {"authorization", "idempotency-key"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    answer = alice.execute(headers={"Origin": OURS})
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "Access-Control-Allow-Credentials" not in answer.headers, "cookies are no way in"


@pytest.mark.parametrize("origin", [THEIRS, "null", f"{OURS}.evil.example", "https://app.example.org:8443"])
def test_no_other_does(alice: Persona, api: Api, listed: None, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(api, origin).headers
    assert "Access-Control-Allow-Origin" not in alice.execute(headers={"Origin": origin}).headers


def test_nobody_does_where_none_is_listed(alice: Persona, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = []
    settings.CORS_ALLOW_ALL_ORIGINS = False
    assert "Access-Control-Allow-Origin" not in alice.execute(headers={"Origin": THEIRS}).headers


def test_the_console_is_for_no_other_origin(api: Api, listed: None) -> None:
    assert "Access-Control-Allow-Origin" not in api.get("/admin/login/", headers={"Origin": OURS}).headers


@pytest.mark.parametrize("field", ["task", "context"])
def test_a_cached_answer_is_never_another_clients(newcomer: Callable[..., Persona], field: str) -> None:
    body: dict[str, Any] = {"task": "Say hello.", "context": {"for": "all"}}
    first, second = newcomer("Acme", tier="unlimited"), newcomer("Umbrella", tier="unlimited")
    assert first.execute(**body).json()["cached"] is False
    assert first.execute(**body).json()["cached"] is True
    theirs = second.execute(**body).json()
    assert theirs["cached"] is False
    assert second.execute(**body).json()["cached"] is True
    changed = body | {field: {"task": "Say goodbye.", "context": {}}[field]}
    assert first.execute(**changed).json()["cached"] is False
