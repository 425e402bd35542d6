"""The demo data, through public doors: the command, the console, the API, the doctor."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import django.test
import httpx
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApiKey, Client
from agentplatform.doctor.examining import examine
from agentplatform.doctor.findings import Level
from agents.approvals.models import Approval
from agents.models import AgentVersion, Event, Task, UnknownOutcome
from agents.usage import rollup
from tests.api import Persona

LISTS = (
    "agents/task", "conversations/conversation", "approvals/approval", "agents/unknownoutcome", "webhooks/delivery",
    "feedback/feedback", "usage/dailyusage", "accounts/client", "accounts/apikey", "accounts/refusal", "agents/guardmark",
    "money/budget", "money/ledgerentry", "knowledge/collection", "http_apis/httpapi", "mcp_servers/mcpserver", "evals/dataset",
)  # fmt: skip


UNTIL = datetime(2026, 11, 20, tzinfo=UTC)


def demodata(**options: Any) -> str:
    """What the command printed."""
    told = StringIO()
    call_command("demodata", stdout=told, stderr=StringIO(), **options)
    return told.getvalue()


def counted() -> dict[str, int]:
    """The rows of each table, the audit apart, which is for ever."""
    models = (model for model in apps.get_models() if model._meta.label != "accounts.AuditEntry")
    return {model._meta.label: model._default_manager.count() for model in models}


@pytest.fixture
def filled(database: object) -> str:
    return demodata(tasks=600, keys=30)


def test_it_makes_as_many_tasks_and_keys_as_were_wanted(filled: str) -> None:
    assert "Made 600 tasks with 30 keys" in filled
    assert Task.objects.count() == 600
    assert ApiKey.objects.filter(client__name__startswith="Demo: ").count() == 30
    assert {"completed", "failed", "cancelled", "awaiting_approval"} == set(
        Task.objects.values_list("status", flat=True)
    )


def test_each_page_of_the_console_has_something_of_it(filled: str, operator: django.test.Client) -> None:
    for name in LISTS:
        page = operator.get(f"/admin/{name}/")
        assert page.status_code == 200
        assert page.context["cl"].result_list, name
    assert "Demo: " in operator.get("/admin/", {"over": "quarter"}).text
    for status in ("completed", "failed", "awaiting_approval"):
        task = Task.objects.filter(status=status).latest("created_at")
        assert operator.get(f"/admin/agents/task/{task.pk}/change/").status_code == 200


def test_the_doctor_and_the_ledger_find_nothing_but_what_waits_for_people(filled: str) -> None:
    found = [each for check in examine(["money", "tasks", "webhooks"]) for each in check.findings]
    assert [each.said for each in found if each.level > Level.OK] == [
        "5 unsafe calls of unknown outcome wait for a decision."
    ]
    call_command("checkledger", stdout=StringIO())


def test_a_client_reads_its_tasks(filled: str, server_url: str, transport: httpx.HTTPTransport) -> None:
    task = Task.objects.filter(status="completed", model_calls__gt=2, journal_pruned_at=None).latest("created_at")
    told = StringIO()
    call_command("createapikey", client=task.client.name, stdout=told, stderr=StringIO())
    client = Persona(server_url, transport, told.getvalue().strip(), None)  # type: ignore[arg-type]  # its id is not asked for
    shown = client.get(f"/agent/status/{task.pk}?include=steps").json()
    assert shown["status"] == "completed"
    assert len(shown["steps"]) == task.last_seq
    assert "event: task.completed" in client.get(f"/agent/events/{task.pk}").text
    assert client.get("/agent/usage").json()["requests"] > 0


def test_what_waits_can_be_answered(filled: str, operator: django.test.Client) -> None:
    approval = Approval.objects.filter(decision="").latest("pk")
    page = f"/admin/approvals/approval/{approval.pk}/change/"
    operator.post(page, {"decision": "approve", "comment": ""})
    approval.refresh_from_db()
    assert (approval.decision, approval.task.status) == ("approve", "queued")
    assert UnknownOutcome.objects.filter(decision="", task__status="awaiting_approval").count() == 5


def test_old_tasks_have_lost_their_journals(filled: str) -> None:
    old = Task.objects.filter(completed_at__lt=timezone.now() - timedelta(days=31))
    assert old.exists()
    assert not old.filter(journal_pruned_at=None).exists()
    assert not Event.objects.filter(task__in=old).exists()


def test_a_seed_makes_the_same_again(database: object) -> None:
    def made() -> list[tuple[Any, ...]]:
        demodata(tasks=200, seed=7, until=UNTIL)
        rows = list(
            Task.objects.order_by("pk").values_list("pk", "client_id", "status", "cost_usd", "created_at", "metadata")
        )
        demodata(remove=True)
        return rows

    assert made() == made()


def test_removing_takes_all_of_it_away_and_nothing_else(alice: Persona) -> None:
    alice.execute("Stay.")
    rollup.roll_up()
    before = counted()
    demodata(tasks=300, beside=True)
    assert counted() != before
    assert "Removed 300 tasks" in demodata(remove=True)
    after = counted()
    assert {name: count for name, count in after.items() if count != before[name]} == {}
    assert "There is no demo data" in demodata(remove=True)


def test_a_client_that_is_only_called_so_stays(filled: str) -> None:
    other = Client.objects.create(name="Demo: an operator's own", tier=Client.objects.latest("pk").tier)
    demodata(remove=True)
    assert Client.objects.filter(pk=other.pk).exists()


def test_it_refuses_where_it_is_not_wanted(alice: Persona, settings: Settings) -> None:
    alice.execute("One.")
    with pytest.raises(CommandError, match=r"holds tasks already\. --beside makes"):
        demodata(tasks=100)
    settings.IN_PRODUCTION = True
    with pytest.raises(CommandError, match=r"production.*--yes makes them all the same"):
        demodata(tasks=100, beside=True)
    demodata(tasks=100, beside=True, yes=True)
    with pytest.raises(
        CommandError, match=r"There is demo data already\. Remove it first: manage\.py demodata --remove"
    ):
        demodata(tasks=100, beside=True, yes=True)


@pytest.mark.parametrize(
    ("wrong", "told"), [({"tasks": "0"}, "no number from 1"), ({"until": "soon"}, "no time such as")]
)
def test_it_says_what_an_option_takes(database: object, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("demodata", *(f"--{name}={value}" for name, value in wrong.items()))


def test_it_wants_a_bootstrapped_database(database: object) -> None:
    AgentVersion.objects.filter(agent__slug="general").update(status="retired")
    with pytest.raises(CommandError, match=r"Run manage\.py bootstrap first"):
        demodata(tasks=100)
