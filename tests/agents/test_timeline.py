"""A task's tree over time, in the console."""

from datetime import timedelta
from typing import Any

import django.test
from django.urls import reverse
from django.utils import timezone

from agents import timeline
from agents.engine import events as e
from agents.models import Event
from tests.agents.making import published
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call

EXPECTED = [("task", 0), ("agent", 1), ("tool", 2)]


def spans_of(task_id: str) -> list[timeline.Span]:
    lines = Event.objects.filter(task_id=task_id).order_by("seq").values_list("at", "type", "data")
    return timeline.spans((at, e.from_json(kind, data)) for at, kind, data in lines)


def test_it_shows_who_called_whom(alice: Persona, model: ScriptedModel, operator: django.test.Client) -> None:
    published("adder", tools=["calculator"])
    published("boss", delegates=["adder"])
    model.answers(
        tool_call("ask_adder", task="1 + 1"), tool_call("calculator", expression="1 + 1"), "Two.", "It is two."
    )
    task_id = alice.execute("How much?", agent_type="boss").json()["task_id"]
    found = spans_of(task_id)
    assert [(span.kind, span.depth) for span in found if span.kind != "model"] == EXPECTED
    assert sum(span.kind == "model" for span in found) == 4
    assert all(span.ended and not span.is_bad for span in found)
    assert sum(span.cost_usd for span in found) > 0
    page: Any = operator.get(reverse("admin:agents_task_change", args=[task_id]))
    assert page.text.count("<rect") >= len(found)
    assert "calculator" in page.text


def test_what_failed_is_marked(alice: Persona, model: ScriptedModel) -> None:
    model.fails(400)
    task = alice.execute("Fail.").json()["task"]
    found = spans_of(task["task_id"])
    assert [(span.kind, span.is_bad) for span in found] == [("task", True), ("model", True)]


def test_what_lasts_reaches_to_now() -> None:
    now = timezone.now()
    running = [
        timeline.Span("task", "general", 0, now - timedelta(seconds=10)),
        timeline.Span("model", "gpt", 1, now - timedelta(seconds=5)),
    ]
    rows = timeline.rows(running, now)
    assert [(row.begin, row.length, row.seconds) for row in rows] == [(0, 100, 10), (50, 50, 5)]
    assert timeline.rows([], now) == []
