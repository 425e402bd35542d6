"""Bad input to POST /agent/execute: each fault is named by field and code, and nothing is run."""

from typing import Any

import pytest

from tests.api import Persona
from tests.scripted_model import ScriptedModel


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"task": None}, "task", "invalid"),
    ({"task": ""}, "task", "min_length"),
    ({"task": " \n "}, "task", "blank"),
    ({"task": 7}, "task", "invalid"),
    ({"task": "x" * 10_001}, "task", "max_length"),
    ({"task": "a\x00b"}, "task", "invalid"),
    ({"task": "a\x1bb"}, "task", "invalid"),
    ({"task": "x", "agent_type": "Not A Slug"}, "agent_type", "invalid"),
    ({"task": "x", "agent_type": "nobody"}, "agent_type", "invalid_choice"),
    ({"task": "x", "context": []}, "context", "invalid"),
    ({"task": "x", "context": {"a": "x" * 40_000}}, "context", "max_length"),
    ({"task": "x", "context": {"a": "\x00"}}, "context", "invalid"),
    ({"task": "x", "context": {"a": nested(100)}}, "context", "max_depth"),
    ({"task": "x", "metadata": {"a": nested(900)}}, "metadata", "max_depth"),
    ({"task": "x", "async_execution": "yes"}, "async_execution", "invalid"),
    ({"task": "x", "async_execution": True, "stream": True}, "stream", "invalid"),
    ({"task": "x", "conversation_id": "7"}, "conversation_id", "invalid"),
    ({"task": "x", "output_schema": {"type": "nonsense"}}, "output_schema", "invalid"),
    ({"task": "x", "limits": {"max_steps": 0}}, "limits.max_steps", "min_value"),
    ({"task": "x", "limits": {"max_steps": 10**9}}, "limits.max_steps", "max_value"),
    ({"task": "x", "limits": {"max_cost_usd": "-1"}}, "limits.max_cost_usd", "min_value"),
    ({"task": "x", "limits": {"max_cost_usd": "much"}}, "limits.max_cost_usd", "invalid"),
    ({"task": "x", "limits": {"max_cost_usd": "NaN"}}, "limits.max_cost_usd", "invalid"),
    ({"task": "x", "limits": {"timeout_seconds": 90_000}}, "limits.timeout_seconds", "max_value"),
    ({"task": "x", "limits": {"provider": "http://x"}}, "limits.provider", "unknown_field"),
    ({"task": "x", "cache": "always"}, "cache", "invalid_choice"),
    ({"task": "x", "on_disconnect": "explode"}, "on_disconnect", "invalid_choice"),
    ({"task": "x", "webhook_url": "https://example.org"}, "webhook_url", "no_secret"),
    ({"task": "x", "metadata": {"a": "x" * 10_000}}, "metadata", "max_length"),
    ({"task": "x", "base_url": "http://evil"}, "base_url", "unknown_field"),
    ({}, "task", "required"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_it_names_the_fault(alice: Persona, model: ScriptedModel, body: dict[str, Any], field: str, code: str) -> None:
    answer = alice.post("/agent/execute", json=body)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert [(row["field"].split(".function")[0], row["code"]) for row in problem["errors"]] == [(field, code)]
    assert problem["errors"][0]["message"].endswith(".")
    assert model.requests == []


def test_it_names_every_fault_at_once(alice: Persona) -> None:
    problem = alice.post("/agent/execute", json={"task": " ", "x": 1, "limits": {"max_steps": 0}}).json()
    assert {row["field"] for row in problem["errors"]} == {"task", "x", "limits.max_steps"}


@pytest.mark.parametrize("body", [b"{", b"", b'{"task": NaN}', b"\xff", b"[" * 100_000, b"1", b"null", b'["task"]'])
def test_it_refuses_what_is_no_json_object(alice: Persona, body: bytes) -> None:
    answer = alice.post("/agent/execute", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] in ("malformed_json", "invalid_request")


@pytest.mark.parametrize("task", ["tab\tand\nline\r\nbreaks", "Grüße, 你好, مرحبا 👋", "x" * 10_000, "  trimmed  "])
def test_it_takes_every_honest_text(alice: Persona, model: ScriptedModel, task: str) -> None:
    assert alice.execute(task).status_code == 200
    assert model.requests[0].messages[-1]["content"] == task.strip()


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_it_refuses_a_bad_idempotency_key(alice: Persona, key: str) -> None:
    problem = alice.execute(headers={"Idempotency-Key": key.encode()}).json()  # type: ignore[dict-item]  # raw bytes on the wire
    assert problem["errors"][0]["field"] == "Idempotency-Key"
