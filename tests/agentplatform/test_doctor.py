"""`manage.py doctor`, and its page in the console."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.money.models import Balance
from agents import doctor
from agents.models import Outbox, Process, Task
from agents.usage import rollup
from agents.webhooks.models import Delivery
from tests.api import Persona
from tests.outages import postgres_away, redis_away
from tests.scripted_model import ScriptedModel

WANT_THE_DATABASE = ("migrations", "database", "money", "processes", "tasks", "webhooks", "growth")


def told(*options: str) -> dict[str, Any]:
    """What the command prints as JSON, whether or not there are problems."""
    out = StringIO()
    try:
        call_command("doctor", "--json", *options, stdout=out, stderr=StringIO())
    except CommandError as error:
        assert str(error) == "Something does not work."  # noqa: PT017  # it is what the exit code tells
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def said(check: str) -> tuple[str, str]:
    """A check's level, and its sentences."""
    found = told(check)["checks"][check]
    return found["level"], " ".join(finding["said"] for finding in found["findings"])


def stuck(alice: Persona) -> Task:
    """A task whose worker went away a while ago."""
    alice.execute(async_execution=True)
    Task.objects.update(status=Task.Status.RUNNING, lease_token=1, lease_expires_at=Now() - timedelta(minutes=5))
    return Task.objects.get()


@pytest.fixture
def roomy_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """However full the disk is that the tests run on."""
    monkeypatch.setattr(doctor, "LEAST_FREE", 0)


@pytest.fixture
def processes(database: object) -> None:
    for kind in ("worker", "sweeper"):
        Process.objects.create(name=f"{kind}@here:1", kind=kind, seen_at=Now())


def test_all_is_well(alice: Persona, processes: None, roomy_disk: None, settings: Settings) -> None:
    alice.execute()
    found = told()
    assert {name: check["level"] for name, check in found["checks"].items()} == dict.fromkeys(
        settings.DOCTOR_CHECKS, "ok"
    )
    assert found["level"] == "ok"
    out = StringIO()
    call_command("doctor", stdout=out)
    assert out.getvalue().endswith("All is well.\n")
    assert "The limiter admits one call of a limit of one, and refuses the next." in out.getvalue()


def test_processes_that_nobody_sees_are_missed(alice: Persona) -> None:
    level, sentences = said("processes")
    assert level == "problem"
    assert "No worker has been seen for 20 s" in sentences
    assert "No sweeper has been seen for 20 s" in sentences


def test_a_stuck_task_is_told_of_and_mended(alice: Persona) -> None:
    task = stuck(alice)
    assert said("tasks") == ("problem", "1 running task lost the process and was not taken over.")
    told("tasks", "--mend")
    task.refresh_from_db()
    assert task.status == Task.Status.QUEUED
    assert said("tasks") == ("ok", "No task is stuck.")


def test_a_task_that_waits_for_long_is_told_of(alice: Persona) -> None:
    alice.execute(async_execution=True)
    Outbox.objects.update(waits_since=Now() - timedelta(minutes=7))
    assert said("tasks") == ("problem", "A task has waited for a worker for 7 min.")


def test_a_task_that_waits_for_its_turn_is_not_told_of(alice: Persona, model: ScriptedModel) -> None:
    held, conversation = model.holds(), str(uuid4())
    with alice.stream("First.", conversation_id=conversation) as first:
        first.until("step.started")
        second = alice.execute("Second.", conversation_id=conversation, async_execution=True).json()["task_id"]
        Task.objects.filter(pk=second).update(created_at=Now() - timedelta(minutes=7))
        assert said("tasks") == ("ok", "No task is stuck.")
        held.release()


def test_a_balance_that_does_not_add_up_is_told_of(alice: Persona) -> None:
    alice.execute()
    call_command("setbudget", client="Wonderland", period="day", limit="5", stdout=StringIO())
    alice.execute("Once more.")
    Balance.objects.update(spent_usd=7)
    level, sentences = said("money")
    assert level == "problem"
    assert "$7" in sentences


def test_webhooks_that_were_given_up_are_told_of(alice: Persona) -> None:
    alice.execute()
    task = Task.objects.get()
    given_up = {"state": Delivery.State.FAILED, "kind": "task.completed", "url": "https://example.org/hook"}
    Delivery.objects.create(
        client_id=task.client_id, task=task, endpoint=f"{task.client_id} https://example.org", **given_up
    )
    assert said("webhooks") == ("warning", "1 delivery to https://example.org was given up.")


def test_redis_away_is_a_problem_of_redis_and_a_warning_of_the_limits(alice: Persona) -> None:
    with redis_away():
        found = told("redis", "limits", "money")["checks"]
    assert {name: check["level"] for name, check in found.items()} == {
        "redis": "problem",
        "limits": "warning",
        "money": "ok",
    }


def test_without_the_database_it_says_so_of_each_check_that_wants_it(alice: Persona) -> None:
    with postgres_away():
        found = told(*WANT_THE_DATABASE, "limits")["checks"]
    assert {name: check["findings"][0]["said"] for name, check in found.items() if check["level"] == "problem"} == (
        dict.fromkeys(WANT_THE_DATABASE, "Not looked at: the database cannot be reached.")
    )
    assert found["limits"]["level"] == "ok"


def test_a_provider_that_does_not_answer_is_told_of(database: object, settings: Settings) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    level, sentences = said("provider")
    assert level == "problem"
    assert "does not answer" in sentences


def test_a_provider_that_is_left_alone_is_told_of(alice: Persona, model: ScriptedModel, settings: Settings) -> None:
    settings.BREAKER_FAILURES, settings.MODEL_MAX_RETRIES = 1, 0
    model.fails(500)
    alice.execute()
    assert said("provider") == ("problem", "The provider keeps failing, so it is left alone for a moment.")


def test_the_forecast_says_when_the_disk_is_full(
    alice: Persona, settings: Settings, roomy_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.execute()
    rollup.roll_up()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE agents_task")
    monkeypatch.setattr(doctor, "LEAST_TASKS", 1)
    monkeypatch.setattr(doctor, "LEAST_DAYS", 1e12)
    settings.TASKS_KEPT_DAYS = 0
    level, sentences = said("growth")
    assert level == "warning"
    assert "the disk is full in" in sentences


def test_it_refuses_a_check_that_there_is_not() -> None:
    with pytest.raises(CommandError, match="There is no check monney; there are settings, database"):
        call_command("doctor", "monney")


def test_the_console_shows_it_with_a_button_for_what_is_safe(operator: Client, alice: Persona) -> None:
    task = stuck(alice)
    page = operator.get(reverse("doctor")).content.decode()
    assert "1 running task lost the process and was not taken over." in page
    assert "Sweep now" in page
    answer = operator.post(reverse("doctor"), {"remedy": "sweep"}, follow=True)
    assert "Swept: taken over 1" in answer.content.decode()
    task.refresh_from_db()
    assert task.status == Task.Status.QUEUED
    assert operator.post(reverse("doctor"), {"remedy": "drop"}).status_code == 403


def test_only_operators_see_it(database: object, client: Client) -> None:
    assert client.get(reverse("doctor")).status_code == 302
    client.force_login(User.objects.create_user("viewer", is_staff=True))
    assert client.get(reverse("doctor")).status_code == 200
    assert client.post(reverse("doctor"), {"remedy": "sweep"}).status_code == 403
