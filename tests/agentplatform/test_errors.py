import pytest

from agentplatform import errors
from tests.agentplatform.urls import ERRORS
from tests.api import Api
from tests.fixtures import Counted, Logs

MEMBERS = {"type", "title", "status", "code", "detail", "request_id"}

ANSWERS = {
    "bad-request": (400, "invalid_request"),
    "bug": (500, "internal_error"),
    "conflict": (409, "conflict"),
    "database-away": (503, "unavailable"),
    "database-bug": (500, "internal_error"),
    "database-cut": (503, "unavailable"),
    "forbidden": (403, "forbidden"),
    "missing": (404, "not_found"),
    "suspicious": (400, "invalid_request"),
    "task-failed": (504, "timed_out"),
}

REFUSALS = [
    ("GET", "/no/such/path", {}, 404, "not_found"),
    ("GET", "/health/", {}, 404, "not_found"),
    ("GET", "/docs/no/such/page", {}, 404, "not_found"),
    ("DELETE", "/health", {}, 405, "method_not_allowed"),
    ("GET", "/health", {"headers": {"Accept": "image/png"}}, 406, "not_acceptable"),
    (
        "POST",
        "/echo",
        {"content": "dish=soup", "headers": {"Content-Type": "text/plain"}},
        415,
        "unsupported_media_type",
    ),
    ("POST", "/echo", {"content": "dish=soup"}, 415, "unsupported_media_type"),
    ("POST", "/echo", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400, "malformed_json"),
    ("POST", "/echo", {"json": {"dish": 1}}, 400, "invalid_request"),
    ("POST", "/echo", {"json": []}, 400, "invalid_request"),
    ("GET", "/echo", {"params": {"number": "x"}}, 400, "invalid_request"),
    ("GET", "/echo", {"params": {"number": ["1", "2"]}}, 400, "invalid_request"),
]


@pytest.mark.urls("tests.agentplatform.urls")
class TestOverHttp:
    @pytest.mark.parametrize("name", ERRORS)
    def test_any_exception_becomes_a_problem(self, api: Api, name: str) -> None:
        answer = api.get(f"/raises/{name}")
        body = answer.json()
        assert (answer.status_code, body["code"]) == ANSWERS[name]
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert body.keys() >= MEMBERS
        assert body["status"] == answer.status_code
        assert body["type"] == f"/docs/errors#{body['code']}"
        assert body["request_id"] == answer.headers["X-Request-ID"]

    @pytest.mark.parametrize("name", ERRORS)
    def test_it_keeps_what_the_exception_says_to_itself(self, api: Api, name: str) -> None:
        assert "secret-detail" not in api.get(f"/raises/{name}").text

    @pytest.mark.parametrize(("method", "path", "request_fields", "status", "code"), REFUSALS)
    def test_it_refuses_in_the_same_shape(
        self, api: Api, method: str, path: str, request_fields: dict[str, object], status: int, code: str
    ) -> None:
        answer = api.request(method, path, **request_fields)  # type: ignore[arg-type]  # httpx's own names, from the table
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json().keys() >= MEMBERS
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_a_bug_in_the_console_stack_is_the_same_problem(self, api: Api) -> None:
        answer = api.get("/docs/raises")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        assert "secret-detail" not in answer.text

    def test_a_wrong_method_names_the_right_ones(self, api: Api) -> None:
        assert "GET" in api.delete("/health").headers["Allow"]

    def test_unavailable_says_when_to_try_again(self, api: Api) -> None:
        assert int(api.get("/raises/database-away").headers["Retry-After"]) >= 1

    def test_a_bug_is_logged_with_its_trace(self, api: Api, logs: Logs) -> None:
        request_id = api.get("/raises/bug").headers["X-Request-ID"]
        (event,) = logs.events("internal_error")
        assert event["request_id"] == request_id
        assert "ZeroDivisionError" in logs.text

    def test_refusals_are_counted_by_code(self, api: Api, counted: Counted) -> None:
        api.get("/raises/conflict")
        api.get("/no/such/path")
        assert counted("agent_refusals_total", code="conflict") == 1
        assert counted("agent_refusals_total", code="not_found") == 1


def test_invalid_request_names_each_field() -> None:
    faults = [errors.FieldError("limits.max_steps", "min_value", "Too few."), errors.FieldError("", "invalid", "Odd.")]
    error = errors.InvalidRequest(faults)
    assert error.detail == "limits.max_steps: Too few. Odd."
    assert error.members["errors"][0] == {"field": "limits.max_steps", "code": "min_value", "message": "Too few."}


@pytest.mark.parametrize(("code", "status"), [("timed_out", 504), ("model_failed", 502), ("budget_exceeded", 402)])
def test_a_failed_task_has_its_own_status(code: str, status: int) -> None:
    error = errors.TaskFailed(code, "It failed.", {"task_id": "t"})
    assert (error.status, error.code, error.members) == (status, code, {"task": {"task_id": "t"}})


def test_an_injection_is_told_by_rule_and_score() -> None:
    error = errors.InjectionDetected(rule="override", score=0.9)
    assert errors.problem(error, "r")["rule"] == "override"
    assert errors.problem(error, "r")["score"] == 0.9
