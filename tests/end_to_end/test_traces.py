"""Traces of the platform's own processes, by the settings alone: each sends its spans itself, the last ones as it ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agentplatform.embedded.ports import LOOPBACK, free_port
from agents.models import Task
from tests.api import Persona
from tests.end_to_end.processes import sweeper, web, worker
from tests.receiver import TraceReceiver, receiving
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

EXECUTE, RUN = "POST /agent/execute", "invoke_agent general"
NEVER_MS = "86400000"


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.mark.timeout(300)  # for a busy machine
def test_each_process_sends_what_it_has_left_as_it_ends(
    alice: Persona, model: ScriptedModel, receiver: TraceReceiver, tmp_path: Path
) -> None:
    # Nothing but the end sends anything.
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=ours,x-key=a%20b",
        "OTEL_SERVICE_NAME": "our-agents", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_BSP_SCHEDULE_DELAY": NEVER_MS, "LANGCHAIN_API_KEY": "lsv2-key", "LANGSMITH_ENDPOINT": receiver.url,
        "LANGSMITH_PROJECT": "ours",
    }  # fmt: skip
    port = free_port()
    with web(tmp_path, port, **settings), worker(tmp_path, **settings):
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", headers=dict(alice.headers), timeout=30) as client:
            task = {"task": "Later.", "async_execution": True}
            task_id = client.post("/agent/execute", json=task).json()["task_id"]
            alice.ended(task_id, within=60)
        assert not receiver.posts
    posts = {post.path: post.headers for post in receiver.posts}
    assert (posts["/v1/traces"]["x-tenant"], posts["/v1/traces"]["x-key"]) == ("ours", "a b")
    langsmith = posts["/otel/v1/traces"]
    assert (langsmith["x-api-key"], langsmith["langsmith-project"], langsmith.get("x-tenant")) == (
        "lsv2-key", "ours", None,
    )  # fmt: skip
    request, same = receiver.some(EXECUTE, 2)
    assert request.span_id == same.span_id, "both receivers get the same"
    runs = receiver.some(RUN, 2)
    assert {run.parent_id for run in runs} == {request.span_id}
    made_by = {span.process["agentplatform.process"]: span.process for span in (request, *runs)}
    assert set(made_by) == {"web", "worker"}
    for process in made_by.values():
        assert process["service.name"] == "our-agents"
        assert process["deployment.environment.name"] == "test"


@pytest.mark.timeout(300)
def test_after_a_kill_the_next_worker_goes_on_in_the_same_trace(
    alice: Persona, model: ScriptedModel, receiver: TraceReceiver, tmp_path: Path
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    port = free_port()
    slow = model.holds("Never read.")
    with web(tmp_path, port, **settings):
        with worker(tmp_path, "old", **settings) as old:
            with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", headers=dict(alice.headers), timeout=30) as client:
                task = {"task": "Later.", "async_execution": True}
                task_id = client.post("/agent/execute", json=task).json()["task_id"]
            slow.reached(within=60)
            os.kill(old, signal.SIGKILL)
        with sweeper(tmp_path), worker(tmp_path, "new", **settings):
            eventually(lambda: Task.objects.get().losses == 1, within=60)
            assert alice.ended(task_id, within=60)["status"] == "completed"
            run = receiver.one(RUN, within=30)
    assert run.parent_id == receiver.one(EXECUTE).span_id
    assert run.attributes["agentplatform.task.attempt"] == 2
