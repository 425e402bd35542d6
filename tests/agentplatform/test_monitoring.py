"""GET /metrics."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.db.models.functions import Now
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as parsed
from pytest_django import Settings

from agents import metrics as tasks
from agents.models import Outbox
from tests.api import Api, Persona
from tests.outages import postgres_away


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    tasks.forget()
    yield
    tasks.forget()


def gauge(api: Api, name: str, label: str = "") -> dict[str, float]:
    """A metric's values now, by a label's."""
    samples = [sample for family in parsed(api.get("/metrics").text) for sample in family.samples]
    return {sample.labels.get(label, ""): sample.value for sample in samples if sample.name == name}


def tasks_by_status(api: Api) -> dict[str, float]:
    return gauge(api, "agent_tasks", "status")


def test_it_speaks_prometheus(api: Api) -> None:
    api.get("/nowhere")

    answer = api.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in parsed(answer.text)}
    assert {"agent_tasks", "agent_refusals", "django_http_requests_before_middlewares"} <= names


def test_it_speaks_openmetrics_when_asked(api: Api) -> None:
    asked = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

    answer = api.get("/metrics", headers={"Accept": asked})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "agent_tasks" in {family.name for family in open_metrics(answer.text)}  # type: ignore[no-untyped-call]  # untyped


@pytest.mark.parametrize("accept", ["application/json", "image/png", "nonsense", ""])
def test_it_answers_whatever_is_accepted(api: Api, accept: str) -> None:
    assert api.get("/metrics", headers={"Accept": accept}).headers["Content-Type"].startswith("text/plain")


def test_it_adds_up_all_processes(api: Api, counted: Callable[..., float]) -> None:
    count = "from agentplatform import metrics; metrics.cache_total.labels('elsewhere').inc(5)"
    subprocess.run([sys.executable, "-c", count], cwd=project.BASE_DIR, check=True)

    assert counted("agent_cache_total", result="elsewhere") == 5


def test_it_shows_this_process_where_there_is_but_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")

    assert "python_info{" in api.get("/metrics").text


def test_it_counts_the_tasks_in_each_status(alice: Persona, api: Api) -> None:
    assert set(tasks_by_status(api).values()) == {0}
    tasks.forget()

    alice.execute()

    assert tasks_by_status(api) == {
        "queued": 0, "running": 0, "awaiting_approval": 0, "completed": 1, "failed": 0, "cancelled": 0
    }  # fmt: skip


def test_it_counts_the_tasks_only_now_and_then(
    alice: Persona, api: Api, counted: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.execute()

    assert tasks_by_status(api)["completed"] == 0

    monkeypatch.setattr(tasks, "KEPT_SECONDS", 0.0)
    assert tasks_by_status(api)["completed"] == 1


def test_it_tells_how_long_the_oldest_task_waits_and_what_waits_for_operators(alice: Persona, api: Api) -> None:
    assert gauge(api, "agent_oldest_queued_seconds") == gauge(api, "agent_unknown_outcomes") == {"": 0}
    alice.execute(async_execution=True)
    Outbox.objects.update(waits_since=Now() - timedelta(minutes=5))
    tasks.forget()

    assert 300 <= gauge(api, "agent_oldest_queued_seconds")[""] < 330


def test_it_tells_which_parts_are_well(api: Api) -> None:
    parts = gauge(api, "agent_component_up", "component")
    assert (parts["database"], parts["redis"], parts["worker"]) == (1, 1, 0)


def test_it_answers_without_the_tasks_when_the_database_is_away(api: Api) -> None:
    with postgres_away():
        answer = api.get("/metrics")

    assert answer.status_code == 200
    assert "django_http_requests_before_middlewares_total" in answer.text
    assert "agent_tasks{" not in answer.text


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_key"),
        ("Basic c2VjcmV0", "missing_key"),
        ("Bearer", "invalid_key"),
        ("Bearer another", "invalid_key"),
        ("Bearer söcret", "invalid_key"),
    ],
)
def test_it_asks_for_the_token_where_one_is_set(
    api: Api, settings: Settings, authorization: str | None, code: str
) -> None:
    settings.METRICS_TOKEN = "a secret of the operators"
    headers = {} if authorization is None else {b"Authorization": authorization.encode()}

    refused = api.get("/metrics", headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (401, code)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert api.get("/metrics", headers={"Authorization": "bearer a secret of the operators"}).status_code == 200
