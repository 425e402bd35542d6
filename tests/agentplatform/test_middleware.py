import pytest
from pytest_django import Settings

from tests.api import Api
from tests.fixtures import Counted, Logs

PATHS = ["/health/live", "/no/such/path", "/admin/login/", "/docs"]


@pytest.mark.parametrize("path", PATHS)
def test_the_caller_s_request_id_comes_back(api: Api, path: str) -> None:
    assert api.get(path, headers={"X-Request-ID": "order-17:3.a_b"}).headers["X-Request-ID"] == "order-17:3.a_b"


@pytest.mark.parametrize("sent", ["", "two words", "a" * 129, "<script>", "semi;colon"])
def test_an_id_that_is_not_sane_is_replaced(api: Api, sent: str) -> None:
    given = api.get("/health/live", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert given != sent
    assert len(given) == 36


def test_each_request_has_an_id_of_its_own(api: Api) -> None:
    assert len({api.get("/health/live").headers["X-Request-ID"] for _ in range(5)}) == 5


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_security_headers(api: Api, path: str) -> None:
    headers = api.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_production_asks_for_https(api: Api, settings: Settings) -> None:
    settings.IN_PRODUCTION = True
    assert "max-age" in api.get("/health/live").headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/health", "/no/such/path", "/admin/login/", "/docs"])
def test_an_unknown_host_is_refused(api: Api, settings: Settings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    answer = api.get(path, headers={"Host": "evil.example.com"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert api.get("/health", headers={"Host": "api.example.com"}).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_probe_may_call_by_address(api: Api, settings: Settings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    assert api.get(path, headers={"Host": "10.0.3.17:8000"}).status_code == 200


def test_each_request_is_one_log_line_without_query_or_key(api: Api, logs: Logs) -> None:
    api.get("/health/live?word=query-text", headers={"Authorization": "Bearer demo-key-123", "X-Request-ID": "r-1"})
    (event,) = logs.events("request")
    assert event.items() >= {"method": "GET", "path": "/health/live", "status": 200, "request_id": "r-1"}.items()
    assert event["duration_ms"] >= 0
    assert "query-text" not in logs.text
    assert "demo-key-123" not in logs.text


@pytest.mark.parametrize("path", ["/health/live", "/admin/login/"])
def test_django_prometheus_counts_requests_of_both_stacks(api: Api, counted: Counted, path: str) -> None:
    api.get(path)
    assert counted("django_http_responses_total_by_status_total", status="200") >= 1


def test_another_origin_may_call_the_api(api: Api) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    answer = api.options("/agent/execute", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_only_named_origins_may_when_they_are_named(api: Api, settings: Settings) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    allowed = api.get("/health/live", headers={"Origin": "https://app.example.com"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "X-Request-ID" in allowed.headers["Access-Control-Expose-Headers"].replace("x-request-id", "X-Request-ID")
    other = api.get("/health/live", headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in other.headers
