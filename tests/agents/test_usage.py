"""Usage: each ended task counts once, on the day it ended, whoever asks and whatever is forgotten."""

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from agents import lifecycle, metrics, sweeper
from agents.models import Task
from agents.usage import rollup
from agents.usage.models import DailyUsage, EndedTask
from tests.api import Api, Persona
from tests.scripted_model import ScriptedModel

Json = dict[str, Any]


def usage(of: Api, **parameters: str) -> Json:
    answer = of.get("/agent/usage", params=parameters)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def used_by(of: Api) -> Json:
    """The same without the limits, whose windows go on."""
    return {name: part for name, part in usage(of).items() if name != "limits"}


def counts(used: Json) -> tuple[int, int, int, int, int]:
    return used["requests"], used["completed"], used["failed"], used["cancelled"], used["cached"]


@pytest.fixture
def used(alice: Persona, bob: Persona, charlie: Persona, model: ScriptedModel) -> list[Json]:
    """Alice: two tasks of one agent, one of another; Bob: one from the cache, one that fails; Charlie: one."""
    tasks = [
        alice.execute("One."),
        alice.execute("Two."),
        alice.execute("Three.", agent_type="writer"),
        bob.execute("One."),
    ]
    model.fails(400)
    tasks.append(bob.execute("Fail."))
    tasks.append(charlie.execute("Mine."))
    return [task.json().get("task", task.json()) for task in tasks]


def test_it_adds_up_over_all_keys_of_the_client(alice: Persona, bob: Persona, used: list[Json]) -> None:
    found = usage(alice)
    assert counts(found) == (5, 4, 1, 0, 1)
    ours = used[:5]
    assert found["tokens"] == {way: sum(task["usage"][f"{way}_tokens"] for task in ours) for way in ("input", "output")}
    assert float(found["cost_usd"]) == pytest.approx(sum(float(task["cost_usd"]) for task in ours))
    assert [(row["agent_type"], row["requests"]) for row in found["by_agent_type"]] == [("general", 4), ("writer", 1)]
    by_key = {row["name"]: (row["requests"], row["cached"], row["key_id"]) for row in found["by_key"]}
    assert by_key == {"alice": (3, 0, str(alice.api_key.pk)), "bob": (2, 1, str(bob.api_key.pk))}
    assert [(row["date"], row["requests"]) for row in found["by_day"]] == [(found["to"], 5)]
    assert used_by(bob) == used_by(alice)


def test_it_is_the_same_before_and_after_the_roll_up(alice: Persona, used: list[Json]) -> None:
    before = used_by(alice)
    assert EndedTask.objects.count() == 6
    assert sweeper.sweep()["usage_rolled_up"] == 6
    assert not EndedTask.objects.exists()
    assert used_by(alice) == before
    assert sweeper.sweep()["usage_rolled_up"] == 0
    alice.execute("Four.")
    assert usage(alice)["requests"] == 6, "what is not rolled up yet is added"
    rollup.roll_up()
    assert counts(usage(alice)) == (6, 5, 1, 0, 1)


def test_nobody_elses_usage_is_shown(charlie: Persona, used: list[Json]) -> None:
    found = usage(charlie)
    assert found["requests"] == 1
    assert [row["name"] for row in found["by_key"]] == ["charlie"]


def test_without_tasks_everything_is_nothing(newcomer: Callable[..., Persona]) -> None:
    found = usage(newcomer())
    assert counts(found) == (0, 0, 0, 0, 0)
    assert (found["cost_usd"], found["tokens"]) == ("0", {"input": 0, "output": 0})
    assert (found["by_day"], found["by_agent_type"], found["by_key"]) == ([], [], [])


def test_a_task_counts_when_it_has_ended(alice: Persona, used: list[Json]) -> None:
    queued = alice.execute("Later.", async_execution=True).json()["task_id"]
    assert usage(alice)["requests"] == 5
    alice.post(f"/agent/cancel/{queued}")
    assert counts(usage(alice)) == (6, 4, 1, 1, 1)
    alice.post(f"/agent/cancel/{queued}")
    assert counts(usage(alice)) == (6, 4, 1, 1, 1), "an end comes once"


def test_a_background_task_that_a_worker_ends_counts(alice: Persona, worker: None) -> None:
    alice.ended(alice.execute("Later.", async_execution=True).json()["task_id"])
    assert counts(usage(alice)) == (1, 1, 0, 0, 0)


def test_a_task_that_the_sweeper_ends_counts(alice: Persona) -> None:
    alice.execute("Later.", async_execution=True)
    Task.objects.update(created_at=Now() - timedelta(hours=25))
    assert sweeper.sweep()["timed_out"] == 1
    assert counts(usage(alice)) == (1, 0, 1, 0, 0)


def test_an_end_that_is_undone_does_not_count(alice: Persona) -> None:
    queued = alice.execute("Later.", async_execution=True).json()["task_id"]
    with transaction.atomic():
        lifecycle.request_cancel(queued, alice.client.pk, "client")
        transaction.set_rollback(True)
    assert usage(alice)["requests"] == 0


def test_it_outlives_the_tasks(alice: Persona, used: list[Json], settings: Settings) -> None:
    settings.TASKS_KEPT_DAYS = 1
    before = used_by(alice)
    Task.objects.update(
        created_at=F("created_at") - timedelta(days=9), completed_at=F("completed_at") - timedelta(days=9)
    )
    assert sweeper.sweep()["tasks_pruned"] == 6
    assert not Task.objects.exists()
    assert used_by(alice) == before


def test_many_roll_ups_at_once_count_each_task_once(alice: Persona, used: list[Json], monkeypatch: Any) -> None:
    task = Task.objects.get(pk=used[0]["task_id"])
    for _ in range(60):
        row = {"client_id": task.client_id, "api_key_id": task.api_key_id, "agent_type": "general", "mode": "sync"}
        Task.objects.create(
            **row, agent_version=task.agent_version, timeout_seconds=1, status="completed", completed_at=Now()
        )
    monkeypatch.setattr(rollup, "BATCH", 7)

    def roll_up(_: int) -> int:
        try:
            return rollup.roll_up()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as sweepers:
        assert sum(sweepers.map(roll_up, range(4))) + rollup.roll_up() == 66
    assert usage(alice)["requests"] == 65
    assert sum(row.requests for row in DailyUsage.objects.all()) == 66


def test_days_are_chosen_both_included(alice: Persona, used: list[Json]) -> None:
    today = datetime.now(UTC).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    EndedTask.objects.filter(task_id=used[0]["task_id"]).update(day=yesterday)
    rollup.roll_up()
    assert [(row["date"], row["requests"]) for row in usage(alice)["by_day"]] == [(f"{yesterday}", 1), (f"{today}", 4)]
    assert usage(alice, to=f"{yesterday}")["requests"] == 1
    assert usage(alice, **{"from": f"{today}"})["requests"] == 4
    assert usage(alice, **{"from": f"{today}T08:00:00Z", "to": f"{tomorrow}T02:00:00+03:00"})["requests"] == 4
    assert usage(alice, **{"from": f"{tomorrow}"})["requests"] == 0


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ({"from": "yesterday"}, "from", "A date such as 2026-11-01"),
        ({"to": "2026-02-30"}, "to", "A date such as 2026-11-01"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from", "must not be after “to”"),
        ({"format": "xml"}, "format", "'json' or 'csv'"),
        ({"since": "2026-11-02"}, "since", "no such field"),
    ],
)
def test_a_wrong_query_is_told(alice: Persona, query: dict[str, str], field: str, told: str) -> None:
    answer = alice.get("/agent/usage", params=query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert told in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("asked", [{"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}])
def test_as_csv_it_is_a_record_for_each_day_agent_and_key(
    alice: Persona, bob: Persona, used: list[Json], asked: Any
) -> None:
    key = bob.api_key
    key.name = "=1+1"
    key.save()
    answer = alice.get("/agent/usage", **asked)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="usage-')
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert sorted((row["agent_type"], row["key_name"], row["requests"], row["cached"]) for row in rows) == [
        ("general", "'=1+1", "2", "1"),
        ("general", "alice", "2", "0"),
        ("writer", "alice", "1", "0"),
    ]
    assert {row["date"] for row in rows} == {f"{datetime.now(UTC).date()}"}


def test_it_needs_the_scope(newcomer: Callable[..., Persona]) -> None:
    assert newcomer("dora", scopes=["execute"]).get("/agent/usage").status_code == 403
    assert newcomer("emil", scopes=["usage"]).get("/agent/usage").status_code == 200


def test_it_tells_what_is_left_and_takes_nothing_of_it(newcomer: Callable[..., Persona]) -> None:
    dora = newcomer(tier="basic", daily_requests=3)
    dora.execute("One.")
    usage(dora)
    usage(dora)
    left = {limit["name"]: limit for limit in usage(dora)["limits"]}
    assert (left["requests"]["limit"], left["requests"]["remaining"], left["requests"]["window_seconds"]) == (10, 9, 60)
    assert (left["daily_requests"]["limit"], left["daily_requests"]["remaining"]) == (3, 2)


def test_the_metric_of_tasks_counts_ended_ones_from_the_roll_ups(alice: Persona, used: list[Json]) -> None:
    alice.execute("Later.", async_execution=True)
    counted = {"queued": 1, "running": 0, "awaiting_approval": 0, "completed": 5, "failed": 1, "cancelled": 0}

    def shown() -> dict[str, float]:
        tasks = next(metric for metric in metrics._looked_up() if metric.name == "agent_tasks")
        return {sample.labels["status"]: sample.value for sample in tasks.samples}

    assert shown() == counted
    rollup.roll_up()
    assert shown() == counted


def test_operators_see_it_by_client(operator: Client, used: list[Json]) -> None:
    rollup.roll_up()
    page = operator.get(reverse("admin:usage_dailyusage_changelist")).content.decode()
    assert "Wonderland" in page
    assert "charlie" in page


def test_the_back_fill_finds_what_the_trigger_found(alice: Persona, used: list[Json]) -> None:
    from importlib import import_module

    rollup.roll_up()
    columns = [field.name for field in DailyUsage._meta.fields if field.name != "id"]
    by_trigger = sorted(DailyUsage.objects.values_list(*columns))
    DailyUsage.objects.all().delete()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(import_module("agents.usage.migrations.0001_initial").BACK_FILL)
    assert sorted(DailyUsage.objects.values_list(*columns)) == by_trigger
