"""A provider that fails, refuses, hangs, drips or talks nonsense, over real HTTP."""

import gzip
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents import breaker, teams
from agents.models import AgentVersion, Event
from tests.api import Persona
from tests.scripted_model import CUT, JUNK, Flood, Refusal, ScriptedModel, cut
from tests.waiting import eventually

Counted = Callable[..., float]
CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini"}
WORD = {**CHUNK, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
LINE = b"data: " + json.dumps(WORD).encode() + b"\n\n"
STREAM = "text/event-stream"


@pytest.fixture
def general(database: object) -> AgentVersion:
    """The general agent, with two models to fall back to."""
    version = AgentVersion.objects.get(agent__slug="general")
    version.fallback_models = ["gpt-5-nano", "gpt-4.1-mini"]
    version.save()
    return version


@pytest.fixture(autouse=True)
def quick(settings: Settings) -> None:
    """Each model is asked twice; nothing else is as slow or as large as by default."""
    settings.MODEL_MAX_RETRIES = 1
    settings.MODEL_TIMEOUT_SECONDS = 5
    settings.MODEL_MAX_REPLY_BYTES = 64 * 1024


def asked(model: ScriptedModel) -> list[str]:
    return [request.body["model"] for request in model.requests]


def journal(task: dict[str, Any], *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    rows = Event.objects.filter(task_id=task["task_id"], type__in=kinds).order_by("seq")
    return list(rows.values_list("type", "data"))


def failure_of(alice: Persona, mode: str) -> dict[str, Any]:
    """How a task fails in this mode."""
    if mode == "stream":
        with alice.stream("Tell me.") as stream:
            task: dict[str, Any] = stream.events[-1].data["task"]
    else:
        task = alice.execute("Tell me.").json()["task"]
    assert task["exit_reason"] == "model_failed"
    return task


def test_each_try_is_in_the_journal(alice: Persona, model: ScriptedModel) -> None:
    model.fails(503)
    task = alice.execute().json()
    assert task["status"] == "completed"
    told = journal(task, "ModelCalled", "ModelFailed", "ModelAnswered")
    assert [kind for kind, _ in told] == ["ModelCalled", "ModelFailed", "ModelCalled", "ModelAnswered"]
    assert told[1][1]["model"] == "gpt-5-mini"
    assert len(model.requests) == 2


def test_retry_after_is_waited_for(alice: Persona, model: ScriptedModel) -> None:
    model.fails(429, retry_after=0.4)
    task = alice.execute().json()
    assert task["status"] == "completed"
    assert task["execution_time_seconds"] >= 0.4
    assert journal(task, "ModelFailed")[0][1]["retry_after_seconds"] == 0.4


def test_a_wait_beyond_the_tasks_time_is_not_begun(alice: Persona, model: ScriptedModel) -> None:
    model.fails(429, retry_after=3600)
    task = alice.execute(limits={"timeout_seconds": 30}).json()["task"]
    assert task["exit_reason"] == "model_failed"
    assert "longer than the task has time" in task["error"]["message"]
    assert task["execution_time_seconds"] < 10
    assert len(model.requests) == 1


def test_the_fallback_answers_at_its_own_price(
    alice: Persona, model: ScriptedModel, general: AgentVersion, counted: Counted
) -> None:
    model.fails(500, times=2)
    task = alice.execute("Tell me.").json()
    assert asked(model) == ["gpt-5-mini", "gpt-5-mini", "gpt-5-nano"]
    assert task["model"] == "gpt-5-nano"
    usage = task["usage"]
    # By genai-prices: gpt-5-nano takes a fifth of gpt-5-mini.
    nano = (usage["input_tokens"] * 0.05 + usage["output_tokens"] * 0.4) / 1e6
    assert float(task["cost_usd"]) == pytest.approx(nano)
    assert counted("agent_cost_usd_total", model="gpt-5-nano") == pytest.approx(nano)
    assert counted("agent_model_failures_total", model="gpt-5-mini") == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_goes_to_the_next_model_at_once(
    alice: Persona, model: ScriptedModel, general: AgentVersion, status: int
) -> None:
    model.fails(status)
    assert alice.execute().json()["model"] == "gpt-5-nano"
    assert asked(model) == ["gpt-5-mini", "gpt-5-nano"]


def test_all_models_may_fail(alice: Persona, model: ScriptedModel, general: AgentVersion) -> None:
    model.fails(404, times=3)
    assert alice.execute().json()["task"]["error"]["message"] == "The model provider answered 404."
    assert asked(model) == ["gpt-5-mini", "gpt-5-nano", "gpt-4.1-mini"]


def test_retries_and_fallbacks_void_what_was_streamed(
    alice: Persona, model: ScriptedModel, general: AgentVersion
) -> None:
    model.answers(cut("This breaks off", after=2), cut("And this too", after=1), "This is whole.")
    with alice.stream("Tell me.") as stream:
        events = stream.events
    assert [event.name for event in events].count("step.restarted") == 2
    last = max(index for index, event in enumerate(events) if event.name == "step.restarted")
    kept = "".join(event.data["text"] for event in events[last:] if event.name == "text.delta")
    assert kept == events[-1].data["task"]["result"] == "This is whole."
    assert events[-1].data["task"]["model"] == "gpt-5-nano"


# What the breaker does


@pytest.fixture
def touchy(settings: Settings) -> None:
    settings.BREAKER_FAILURES = 3
    settings.BREAKER_OPEN_SECONDS = 600
    settings.MODEL_MAX_RETRIES = 0


def fail(alice: Persona, times: int) -> None:
    for number in range(times):
        assert alice.execute(f"Try {number}.").status_code == 502


@pytest.mark.parametrize("trouble", [500, CUT, JUNK])
def test_a_provider_that_keeps_failing_is_left_alone(
    alice: Persona, model: ScriptedModel, touchy: None, counted: Counted, logs: Any, trouble: Any
) -> None:
    for _ in range(3):
        model.fails(500) if trouble == 500 else model.answers(trouble)
    fail(alice, 3)
    assert "keeps failing" in alice.execute("Once more.").json()["detail"]
    assert len(model.requests) == 3
    # What it said a moment before, to /metrics, is kept for a second.
    eventually(lambda: alice.get("/health").json()["checks"]["orchestrator"] == "circuit_open")
    assert counted("agent_breaker_opened_total", provider="127.0.0.1") == 1
    assert counted("agent_breaker_refused_total", provider="127.0.0.1") == 1
    assert [event["provider"] for event in logs.events("breaker_opened")] == ["127.0.0.1"]


def test_a_task_waits_until_the_provider_is_tried_again(
    alice: Persona, model: ScriptedModel, touchy: None, settings: Settings
) -> None:
    settings.BREAKER_OPEN_SECONDS = 1
    model.fails(500, times=3)
    fail(alice, 3)
    settings.MODEL_MAX_RETRIES = 1
    teams.forget()
    answer = alice.execute("Once more.")
    assert (answer.status_code, len(model.requests)) == (200, 4)
    steps = alice.status(answer.json()["task_id"], include="steps").json()["steps"]
    [failure] = [step["data"] for step in steps if step["type"] == "ModelFailed"]
    assert (failure["was_asked"], float(failure["cost_usd"])) == (False, 0.0)


@pytest.mark.parametrize("status", [400, 401, 404, 408, 429])
def test_a_refusal_does_not_count_against_the_provider(
    alice: Persona, model: ScriptedModel, touchy: None, status: int
) -> None:
    model.fails(status, times=4)
    fail(alice, 4)
    assert alice.execute("Once more.").status_code == 200


def test_tasks_out_of_time_do_not_count_against_the_provider(
    alice: Persona, model: ScriptedModel, touchy: None
) -> None:
    for _ in range(4):
        model.holds("Never read.")
    with ThreadPoolExecutor(4) as clients:
        tasks = [clients.submit(alice.execute, f"Try {n}.", limits={"timeout_seconds": 1}) for n in range(4)]
    assert [task.result().json()["code"] for task in tasks] == ["timed_out"] * 4
    assert all(request.was_abandoned() for request in model.requests)
    model.reset()
    assert alice.execute("Once more.").status_code == 200


def test_one_call_tries_whether_it_is_back(
    alice: Persona, model: ScriptedModel, touchy: None, monkeypatch: pytest.MonkeyPatch, logs: Any
) -> None:
    model.fails(500, times=3)
    fail(alice, 3)
    monkeypatch.setattr(breaker.of(model.base_url), "_clock", lambda: time.monotonic() + 600)
    hold = model.holds("I am back.")
    with ThreadPoolExecutor(1) as client:
        first = client.submit(alice.execute, "A first one.")
        hold.reached()
        assert alice.execute("A second one.").status_code == 502
        assert len(model.requests) == 4
        hold.release()
    assert first.result().status_code == 200
    assert alice.execute("A third one.").status_code == 200
    assert len(logs.events("breaker_closed")) == 1


# What is cut off

FLOODS = {
    "whole": {
        "oversized": (Flood(b" " * 4096), "longer than"),
        "silent": (Flood(b" ", every_seconds=60, first=b'{"id": '), "fell silent"),
        "dripping": (Flood(b" ", every_seconds=0.05), "did not answer in time"),
    },
    "stream": {
        "oversized": (Flood(LINE * 20, content_type=STREAM), "longer than"),
        "garbage lines": (Flood(b"what is this\n" * 300, content_type=STREAM), "longer than"),
        "endless line": (Flood(b"x" * 4096, first=b"data: ", content_type=STREAM), "longer than"),
        "silent": (Flood(LINE, every_seconds=60, first=LINE, content_type=STREAM), "fell silent"),
        "dripping": (Flood(LINE, every_seconds=0.05, content_type=STREAM), "did not answer in time"),
        "comments": (Flood(b": still here\n\n", every_seconds=0.05, content_type=STREAM), "did not answer in time"),
    },
}


@pytest.mark.parametrize(
    ("mode", "flood", "message"),
    [pytest.param(mode, *case, id=f"{mode}-{name}") for mode, cases in FLOODS.items() for name, case in cases.items()],
)
def test_an_answer_without_end_is_cut_off(
    alice: Persona, model: ScriptedModel, settings: Settings, mode: str, flood: Flood, message: str
) -> None:
    settings.MODEL_MAX_RETRIES = 0
    settings.MODEL_IDLE_SECONDS = 0.3
    settings.MODEL_TIMEOUT_SECONDS = 0.6 if flood.every_seconds < 1 else 5
    model.answers(flood)
    assert message in failure_of(alice, mode)["error"]["message"]
    assert model.requests[0].was_abandoned()


NONSENSE = {
    "whole": [
        "", "<html>", "{", "null", "[]", '"text"', "{}", '{"choices": []}', '{"choices": {}}', '{"choices": [null]}',
        '{"choices": [{"message": null}]}', '{"choices": [{"message": {"content": 5}}]}',
        '{"choices": [{"message": {"content": ["x"]}}]}', '{"choices": [{"message": {"tool_calls": [5]}}]}',
        '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}}',
        '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": Infinity}}',
        '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1e30}}',
        '{"choices": ' + "[" * 30_000,
    ],
    "stream": [
        "", "<html>It works!</html>", "data: {\n\n", "data: null\n\n", "data: []\n\n", "data: {}\n\n",
        "data: <html>\n\n", 'data: {"choices": 5}\n\n', 'data: {"choices": [{"delta": 5}]}\n\n',
        'data: {"choices": [{"delta": {"content": 5}}]}\n\n', 'data: {"error": {"message": "secret"}}\n\n',
        'data: {"choices": [{"delta": {"tool_calls": [{"index": {}}]}}]}\n\n', "data: [DONE]\n\n", "event: \n\n\n: \n\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("mode", "body"), [(mode, body) for mode, bodies in NONSENSE.items() for body in bodies])
def test_nonsense_fails_the_task_with_a_plain_word(
    alice: Persona, model: ScriptedModel, settings: Settings, mode: str, body: str
) -> None:
    settings.MODEL_MAX_RETRIES = 0
    model.answers(Refusal(200, body, content_type=STREAM if mode == "stream" else "application/json"))
    message = failure_of(alice, mode)["error"]["message"]
    assert message in ("The model provider's answer cannot be read.", "The model's answer broke off.")


def test_a_compressed_answer_is_not_unpacked(alice: Persona, model: ScriptedModel) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    model.answers(Flood(b"", every_seconds=60, first=bomb, headers={"Content-Encoding": "gzip"}))
    task = failure_of(alice, "whole")
    assert "compressed" in task["error"]["message"]
    assert model.requests[0].headers["Accept-Encoding"] == "identity"
    assert model.requests[0].was_abandoned()


def test_an_ordinary_answer_of_some_length_passes(alice: Persona, model: ScriptedModel) -> None:
    answer = " ".join(["word"] * 150)
    model.answers(answer)
    with alice.stream("Tell me.") as stream:
        assert stream.events[-1].data["task"]["result"] == answer


# The deadline over it all


def test_the_deadline_ends_the_retries(alice: Persona, model: ScriptedModel, settings: Settings) -> None:
    settings.MODEL_MAX_RETRIES = 10
    model.fails(503, times=20, retry_after=0.3)
    task = alice.execute(limits={"timeout_seconds": 2}).json()["task"]
    # A last wait that goes beyond the deadline is not begun.
    assert task["exit_reason"] in ("timed_out", "model_failed")
    assert task["execution_time_seconds"] < 2 + 2
    assert 2 <= len(model.requests) <= 7


def test_the_deadline_lets_go_of_a_fallback_that_hangs(
    alice: Persona, model: ScriptedModel, general: AgentVersion
) -> None:
    model.fails(404)
    model.holds("Never read.")
    task = alice.execute(limits={"timeout_seconds": 1}).json()["task"]
    assert task["exit_reason"] == "timed_out"
    assert asked(model) == ["gpt-5-mini", "gpt-5-nano"]
    assert model.requests[1].was_abandoned()


def test_a_cancel_ends_the_wait_for_a_retry(alice: Persona, model: ScriptedModel, worker: None) -> None:
    model.fails(503, retry_after=100)
    task_id = alice.execute(async_execution=True).json()["task_id"]
    eventually(lambda: Event.objects.filter(task_id=task_id, type="ModelFailed").exists())
    alice.post(f"/agent/cancel/{task_id}")
    assert alice.ended(task_id)["status"] == "cancelled"
    assert len(model.requests) == 1
