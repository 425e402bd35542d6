"""Conversations that nobody used for their time are forgotten."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from agents import sweeper
from agents.conversations import forgetting
from agents.conversations.models import Conversation, Turn
from agents.models import Event, GuardMark, Task
from tests.agents.conversations.conftest import said, talk
from tests.api import Persona


def pass_days(days: int) -> None:
    Conversation.objects.update(last_used_at=F("last_used_at") - timedelta(days=days))


def test_after_its_days_it_goes_with_what_its_tasks_keep_of_it(alice: Persona, settings: Settings) -> None:
    settings.CONVERSATION_RETENTION_DAYS = 30
    conversation_id = talk(alice, "Hello.")
    marked = Task.objects.get()
    GuardMark.objects.create(text="Hello.", is_attack=False, task=marked, marked_by="operator")
    pass_days(29)
    assert sweeper.sweep()["conversations_pruned"] == 0
    pass_days(2)
    used = talk(alice, "Still here.")
    swept = sweeper.sweep()
    assert (swept["conversations_pruned"], swept["conversations_erased"]) == (1, 1)
    assert said(conversation_id) == []
    assert not GuardMark.objects.exists(), "nor is it kept to measure the guard"
    assert len(said(used)) == 2
    assert [task.result for task in Task.objects.order_by("created_at")] == [None, "An answer to: Still here."]
    assert Event.objects.values("task_id").distinct().count() == 1


def test_to_use_it_keeps_it(alice: Persona) -> None:
    conversation_id = talk(alice, "Hello.")
    pass_days(100)
    talk(alice, "Hello.", conversation_id=conversation_id)
    assert sweeper.sweep()["conversations_pruned"] == 0


@pytest.mark.parametrize(("days", "own", "gone"), [(30, 7, True), (5, 30, False), (5, 0, False), (0, 7, True)])
def test_a_client_may_have_days_of_its_own(
    alice: Persona, charlie: Persona, settings: Settings, days: int, own: int, gone: bool
) -> None:
    settings.CONVERSATION_RETENTION_DAYS = days
    type(alice.client).objects.filter(pk=alice.client.pk).update(conversation_retention_days=own)
    talk(alice, "Hello.")
    talk(charlie, "Hello.")
    pass_days(10)
    forgetting.prune()
    left = {str(name) for name in Conversation.objects.values_list("client__name", flat=True)}
    assert (alice.client.name not in left) == gone
    assert (charlie.client.name not in left) == (0 < days < 10)


def test_none_goes_while_a_task_of_it_has_not_ended(alice: Persona) -> None:
    conversation_id = talk(alice, "Hello.")
    alice.execute("Later.", conversation_id=conversation_id, async_execution=True)
    pass_days(1000)
    assert forgetting.prune() == 0
    assert len(said(conversation_id)) == 2


def test_many_go_in_batches(alice: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    for _ in range(5):
        talk(alice, "Hello.")
    pass_days(1000)
    assert forgetting.prune() == 5
    assert forgetting.erase() >= 5
    assert not Turn.objects.exists()
    assert not Event.objects.exists()


def test_tasks_may_be_forgotten_before_it(alice: Persona, settings: Settings) -> None:
    settings.TASKS_KEPT_DAYS = 1
    conversation_id = talk(alice, "Hello.")
    Task.objects.update(created_at=Now() - timedelta(days=9), completed_at=Now() - timedelta(days=9))
    assert sweeper.sweep()["tasks_pruned"] == 1
    assert len(said(conversation_id)) == 2, "what was said goes on"
    assert alice.delete(f"/agent/conversations/{conversation_id}").status_code == 204
    assert forgetting.erase() == 0
