"""The console's first page."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import django.test
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F
from django.db.models.functions import Now

from agents.dashboard import STRETCHES, figures
from agents.models import Process, Task
from agents.usage import rollup
from tests.api import Persona
from tests.scripted_model import ScriptedModel

PAGE = "/admin/"


def test_a_first_day_without_data_is_a_page_too(operator: django.test.Client) -> None:
    page = operator.get(PAGE).text
    for told in (
        "No task has ended.",
        "No worker or sweeper has been seen",
        "No budget has been charged yet.",
        "None.",
    ):
        assert told in page


@pytest.mark.parametrize("over", STRETCHES)
def test_it_adds_up_what_became_of_tasks(
    operator: django.test.Client, alice: Persona, newcomer: Callable[..., Persona], model: ScriptedModel, over: str
) -> None:
    bob = newcomer("Acme", tier="unlimited")
    alice.execute("One.")
    alice.execute("One.")
    model.fails(400)
    bob.execute("Two.")
    call_command("setbudget", client="Wonderland", period="day", limit="1", stdout=StringIO())
    alice.execute("Three.")
    Task.objects.filter(status="completed").update(completed_at=F("created_at") + timedelta(seconds=2))
    found = figures(STRETCHES[over])
    total = found.total
    assert (total.completed, total.failed, total.cancelled, total.cached) == (3, 1, 0, 1)
    assert total.failed_share == 25
    assert total.cost_usd == sum(Task.objects.values_list("cost_usd", flat=True), Decimal(0)) > 0
    assert [(line.name, line.ended) for line in found.agents] == [("general", 4)]
    assert sorted((line.name, line.ended) for line in found.clients) == sorted(
        [(alice.client.name, 3), (bob.client.name, 1)]
    )
    assert sum(bar.line.ended for bar in found.bars) == 4
    assert max(bar.completed + bar.failed for bar in found.bars) == 100
    assert found.budgets[0][1] > 0
    if STRETCHES[over].is_short:
        assert total.p50 == 2
        assert [(line.name, line.ended) for line in found.versions] == [("general v1", 4)]
        assert found.reasons == [("model_failed", 1)]
    assert "at the end" in operator.get(PAGE, {"over": over}).text or found.budgets[0][2] is None
    before = found.total
    rollup.roll_up()
    assert figures(STRETCHES[over]).total == before, "a roll-up changes nothing"


def test_it_shows_what_runs_now(operator: django.test.Client, alice: Persona) -> None:
    alice.execute("Later.", async_execution=True)
    Process.objects.create(name="worker@here:1", kind="worker", seen_at=Now(), running_tasks=3)
    page = operator.get(PAGE, {"over": "hour"}).text
    assert "worker@here:1" in page
    assert "3 tasks" in page
    assert "the oldest waits" in page


def test_old_tasks_are_in_longer_stretches_alone(alice: Persona) -> None:
    alice.execute()
    Task.objects.update(created_at=Now() - timedelta(hours=2), completed_at=Now() - timedelta(hours=2))
    assert figures(STRETCHES["hour"]).total.ended == 0
    assert figures(STRETCHES["day"]).total.ended == 1


def test_an_unknown_stretch_is_the_last_day(operator: django.test.Client) -> None:
    assert operator.get(PAGE, {"over": "aeon"}).context["stretch"].name == "day"


def test_who_may_not_see_tasks_sees_the_list_of_pages(database: object, client: django.test.Client) -> None:
    client.force_login(User.objects.create_user("guest", is_staff=True))
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert "stretches" not in answer.context


def test_names_are_text(operator: django.test.Client, alice: Persona) -> None:
    alice.client.__class__.objects.filter(pk=alice.client.pk).update(name="<script>alert(1)</script>")
    alice.execute()
    assert "<script>alert(1)" not in operator.get(PAGE).text
