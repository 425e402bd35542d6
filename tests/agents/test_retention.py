"""What is old is forgotten: journals first, then the tasks with all that belongs to them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from agents import retention, sweeper
from agents.models import Event, IdempotencyKey, Outbox, Task
from feedback.models import Feedback
from tests.api import Persona
from tests.scripted_model import ScriptedModel


def pass_days(days: int) -> None:
    """Let every task be older by so many days."""
    age = timedelta(days=days)
    Task.objects.update(created_at=F("created_at") - age, completed_at=F("completed_at") - age)


@pytest.fixture
def task_id(alice: Persona, model: ScriptedModel) -> str:
    model.answers("One two three.")
    return str(alice.execute("Say it.").json()["task_id"])


def test_a_journal_goes_after_its_days_and_the_task_stays(alice: Persona, task_id: str, settings: Settings) -> None:
    settings.JOURNAL_KEPT_DAYS = 7
    pass_days(6)
    assert sweeper.sweep()["journals_pruned"] == 0
    before = alice.status(task_id, include="steps").json()
    pass_days(2)
    swept = sweeper.sweep()
    assert (swept["journals_pruned"], swept["tasks_pruned"]) == (1, 0)
    after = alice.status(task_id, include="steps").json()
    assert (len(before["steps"]), after["steps"]) == (5, [])
    assert after["result"] == "One two three."
    assert sweeper.sweep()["journals_pruned"] == 0, "once is enough"


def test_a_stream_without_its_journal_still_tells_the_result_and_the_end(alice: Persona, task_id: str) -> None:
    pass_days(60)
    sweeper.sweep()
    with alice.events(task_id) as stream:
        assert stream.text == "One two three."
        assert stream.names == ["text.delta", "task.completed"]
        assert stream.events[-1].data["task"]["result"] == "One two three."
    with alice.events(task_id, last_event_id="3-4") as stream:
        assert stream.names == ["task.completed"]


def test_a_failed_task_without_its_journal_streams_its_end(alice: Persona, model: ScriptedModel) -> None:
    model.fails(400)
    task_id = alice.execute("Fail.").json()["task"]["task_id"]
    pass_days(60)
    sweeper.sweep()
    with alice.events(task_id) as stream:
        assert stream.names == ["task.failed"]


def test_the_console_says_when_the_journal_went(alice: Persona, operator: Client, task_id: str) -> None:
    pass_days(60)
    sweeper.sweep()
    page = operator.get(reverse("admin:agents_task_change", args=[task_id])).content.decode()
    assert "It was kept for its time and dropped on" in page


def test_a_task_goes_with_all_that_belongs_to_it(alice: Persona, settings: Settings) -> None:
    settings.TASKS_KEPT_DAYS = 100
    task_id = alice.execute("Say it.", headers={"Idempotency-Key": "k"}).json()["task_id"]
    assert alice.post("/agent/feedback", json={"task_id": task_id, "rating": 5}).status_code == 201
    pass_days(101)
    kept = alice.execute("Say something else.").json()["task_id"]
    assert sweeper.sweep()["tasks_pruned"] == 1
    assert alice.status(task_id).status_code == 404
    assert alice.status(kept).status_code == 200
    assert not Feedback.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert not Event.objects.filter(task_id=task_id).exists()


def test_zero_days_keep_for_ever(alice: Persona, task_id: str, settings: Settings) -> None:
    settings.JOURNAL_KEPT_DAYS = settings.TASKS_KEPT_DAYS = 0
    pass_days(30_000)
    swept = sweeper.sweep()
    assert (swept["journals_pruned"], swept["tasks_pruned"]) == (0, 0)
    assert alice.status(task_id, include="steps").json()["steps"]


@pytest.mark.parametrize("status", ["queued", "running", "awaiting_approval"])
def test_what_has_not_ended_is_never_old(alice: Persona, status: str) -> None:
    alice.execute("Later.", async_execution=True)
    Task.objects.update(status=status, created_at=Now() - timedelta(days=3000))
    assert (retention.prune_journals(), retention.prune_tasks()) == (0, 0)
    assert Event.objects.exists()
    assert Outbox.objects.exists()


def test_what_another_sweeper_holds_is_passed_over(alice: Persona, task_id: str) -> None:
    other = alice.execute("Another.").json()["task_id"]
    pass_days(60)
    with transaction.atomic():
        Task.objects.select_for_update().get(pk=task_id)
        with ThreadPoolExecutor(1) as other_sweeper:
            assert other_sweeper.submit(retention.prune_journals).result(10) == 1
            other_sweeper.submit(connections.close_all).result()
        assert Task.objects.filter(journal_pruned_at=None).get().pk == Task.objects.get(pk=task_id).pk
    assert alice.status(other, include="steps").json()["steps"] == []


def test_many_go_in_batches(alice: Persona, task_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(4):
        alice.execute(f"Number {number}.")
    pass_days(60)
    assert sweeper.sweep()["journals_pruned"] == 5
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("old", "index"), [(retention.old_journals, "task_with_journal"), (retention.old_tasks, "task_newest")]
)
def test_an_index_finds_them(alice: Persona, task_id: str, old: Callable[[], QuerySet[Task]], index: str) -> None:
    columns = [
        field.column for field in Task._meta.concrete_fields if field.column and field.name not in ("id", "created_at")
    ]
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO agents_task (id, created_at, {names}) "
            f"SELECT gen_random_uuid(), created_at - number * interval '1 minute', {names} "
            "FROM agents_task, generate_series(1, 20000) AS number"
        )
        cursor.execute("ANALYZE agents_task")
    assert index in old()[: retention.BATCH].explain()
