"""The door of every view that needs a key, over HTTP."""

import re
import time
from collections.abc import Callable

import pytest
from pytest_django import Settings

from accounts import keys
from tests.api import Api, Persona
from tests.fixtures import Logs

Newcomer = Callable[..., Persona]

BODY = f"ap_live_Unknown0_{'A' * 43}"
UNKNOWN = f"{BODY}_{keys.checksum(BODY)}"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_key"),
        ("", "missing_key"),
        ("Bearer", "missing_key"),
        ("Basic dXNlcjpwYXNz", "missing_key"),
        (UNKNOWN, "missing_key"),
        ("Bearer nobody-knows-me", "invalid_key"),
        (f"Bearer {UNKNOWN}", "invalid_key"),
        (f"Bearer {UNKNOWN[:-1]}", "invalid_key"),
        ("Bearer two words", "invalid_key"),
        ("Bearer ключ".encode(), "invalid_key"),
        (f"Bearer {'k' * 5000}", "invalid_key"),
    ],
)
def test_it_says_what_is_wrong_with_a_key(api: Api, authorization: str | bytes | None, code: str) -> None:
    value = authorization.encode() if isinstance(authorization, str) else authorization
    answer = api.get("/agent/types", headers={} if value is None else {b"Authorization": value})
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "RateLimit" not in answer.headers


@pytest.mark.parametrize("authorization", ["Bearer {}", "bearer {}", "BEARER  {}"])
def test_the_scheme_may_be_written_in_any_case(alice: Persona, authorization: str) -> None:
    headers = {"Authorization": authorization.format(alice.key)}
    assert alice.get("/agent/types", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "may_read", "may_execute"),
    [([], True, True), (["read"], True, False), (["execute"], False, True), (["usage"], False, False)],
)
def test_scopes_open_and_close_doors(newcomer: Newcomer, scopes: list[str], may_read: bool, may_execute: bool) -> None:
    dora = newcomer(scopes=scopes)
    answers = {"read": dora.get("/agent/types"), "execute": dora.execute("Say hello.")}
    for scope, may in (("read", may_read), ("execute", may_execute)):
        answer = answers[scope]
        assert answer.status_code == (200 if may else 403), answer.text
        if not may:
            assert answer.json()["code"] == "forbidden"
            assert answer.json()["detail"] == f"This key lacks the scope “{scope}”; it has: {scopes[0]}."


def test_agent_types_open_and_close_doors(newcomer: Newcomer) -> None:
    dora = newcomer(allowed_agent_types=["writer"])
    assert dora.execute("Say hello.", agent_type="writer").status_code == 200
    answer = dora.execute("Say hello.", agent_type="general")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["detail"].endswith("it may call: writer.")


@pytest.mark.parametrize(
    ("networks", "address", "may"),
    [
        (["203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "198.51.100.7", False),
        (["203.0.113.0/24"], "2001:db8::1", False),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["203.0.113.0/24", "2001:db8::/48"], "[2001:db8:0:1::1]:443", True),
        (["2001:db8::/48"], "2001:db8:1::1", False),
        (["203.0.113.9"], "203.0.113.9:4711", True),
        (["0.0.0.0/0"], "unknown", False),
    ],
)
def test_networks_open_and_close_doors(
    newcomer: Newcomer, settings: Settings, networks: list[str], address: str, may: bool
) -> None:
    settings.TRUSTED_PROXIES = 1
    dora = newcomer(allowed_networks=networks)
    for answer in (
        dora.get("/agent/types", headers={"X-Forwarded-For": f"203.0.113.9, {address}"}),
        dora.execute("Say hello.", headers={"X-Forwarded-For": address}),
    ):
        assert answer.status_code == (200 if may else 403), answer.text
        if not may:
            assert answer.json()["rule"] == "network"
            assert answer.json()["allowed"] == sorted(networks)
            assert "This key may not be used from" in answer.json()["detail"]


def test_keys_are_managed_by_those_alone_that_may(alice: Persona, newcomer: Newcomer) -> None:
    answer = alice.get("/account/keys")
    assert (answer.status_code, answer.json()["rule"], answer.json()["required"]) == (403, "scope", "keys")
    assert "it has: all but keys." in answer.json()["detail"]
    assert newcomer(scopes=["keys"]).get("/account/keys").status_code == 200


def test_every_answer_tells_what_is_left(newcomer: Newcomer) -> None:
    dora = newcomer(tier="basic")
    first, second = dora.execute("Say hello."), dora.execute("Say hello.")
    assert first.headers["RateLimit-Policy"] == '"requests";q=10;w=60'
    assert re.fullmatch(r'"requests";r=9;t=(59|60)', first.headers["RateLimit"])
    assert re.fullmatch(r'"requests";r=8;t=\d\d', second.headers["RateLimit"])
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("10", "9")
    assert 50 < int(first.headers["X-RateLimit-Reset"]) - time.time() <= 61
    read = dora.get("/agent/types")
    assert read.headers["RateLimit-Policy"] == '"calls";q=200;w=60'
    not_found = dora.get("/agent/status/00000000-0000-7000-8000-000000000000")
    assert (not_found.status_code, not_found.headers["X-RateLimit-Remaining"]) == (404, "198")


def test_an_unlimited_caller_gets_no_figures(newcomer: Newcomer) -> None:
    answer = newcomer(tier="unlimited").execute("Say hello.")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_a_refusal_explains_itself(newcomer: Newcomer) -> None:
    dora = newcomer(tier="basic")
    assert [dora.execute("Say hello.").status_code for _ in range(10)] == [200] * 10
    answer = dora.execute("Say hello.")
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (429, "rate_limited", 429)
    assert re.fullmatch(
        r"10 requests per 60 s allowed for tier basic; the next is allowed in [\d.]+ s\.", body["detail"]
    )
    reset = body["limit"].pop("reset_seconds")
    assert body["limit"] == {"name": "requests", "limit": 10, "remaining": 0, "window_seconds": 60}
    assert reset <= int(answer.headers["Retry-After"]) <= reset + 1
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert answer.headers["RateLimit"].startswith('"requests";r=0;t=')


def test_refused_requests_count_as_calls(newcomer: Newcomer) -> None:
    """Of a key with 1 request and so 20 calls: what is refused for whatever reason uses these up."""
    dora = newcomer(tier="basic", requests=1)
    assert dora.execute("Say hello.").status_code == 200
    assert dora.execute("").status_code == 400
    assert [dora.execute("Say hello.").json()["limit"]["name"] for _ in range(19)] == ["requests"] * 19
    last = dora.execute("Say hello.")
    assert (last.status_code, last.json()["limit"]["name"]) == (429, "calls")
    assert dora.get("/agent/types").json()["limit"]["name"] == "calls"


def test_what_was_refused_for_its_body_leaves_the_requests_alone(newcomer: Newcomer) -> None:
    dora = newcomer(tier="basic")
    refused = dora.execute("")
    assert (refused.status_code, refused.headers["RateLimit-Policy"]) == (400, '"calls";q=200;w=60')
    assert dora.execute("Say hello.").headers["X-RateLimit-Remaining"] == "9"


def test_calls_are_limited_too(newcomer: Newcomer) -> None:
    dora = newcomer(tier="basic", requests=1)
    assert [dora.get("/agent/types").status_code for _ in range(20)] == [200] * 20
    answer = dora.get("/agent/types")
    assert (answer.status_code, answer.json()["limit"]["limit"]) == (429, 20)
    assert answer.json()["detail"].startswith("20 calls per 60 s allowed for this key")
    assert dora.execute("Say hello.").status_code == 200


def test_the_log_names_the_client_and_never_the_key(alice: Persona, logs: Logs) -> None:
    alice.get("/agent/types")
    (line,) = logs.events("request")
    assert line["client_id"] == str(alice.client.pk)
    assert alice.key not in logs.text
