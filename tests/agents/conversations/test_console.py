"""Conversations in the operators' console."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry
from agents.conversations import admin
from agents.conversations.models import Conversation
from tests.agents.conversations.conftest import said
from tests.api import Persona
from tests.scripted_model import ScriptedModel

LIST = "admin:conversations_conversation_changelist"
XSS = "<script>alert(1)</script>"


@pytest.fixture
def talk(alice: Persona, model: ScriptedModel) -> Conversation:
    model.answers("Hello Ann.")
    alice.execute(f"I am Ann. {XSS}", conversation_id=str(uuid4()))
    return Conversation.objects.get()


def test_it_is_shown_escaped(operator: Client, talk: Conversation) -> None:
    shown = operator.get(reverse("admin:conversations_conversation_change", args=[talk.pk])).content.decode()
    assert "I am Ann. &lt;script&gt;" in shown
    assert XSS not in shown
    assert "Hello Ann." in shown


def test_a_long_one_shows_its_newest_turns(
    operator: Client, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "NEWEST", 1)
    shown = operator.get(reverse("admin:conversations_conversation_change", args=[talk.pk])).content.decode()
    assert "The newest 1 of 2 turns." in shown
    assert "I am Ann." not in shown


def test_the_list_finds_it_and_asks_as_much_for_many(
    operator: Client, alice: Persona, talk: Conversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert str(talk.conversation_id) in operator.get(reverse(LIST), {"q": str(talk.conversation_id)}).content.decode()
    for _ in range(5):
        alice.execute("Hello.", conversation_id=str(uuid4()))
    with django_assert_num_queries(5):  # session, user, whether there is a second factor, clients to filter by, rows
        shown = operator.get(reverse(LIST)).content.decode()
    assert shown.count(alice.client.name) >= 6
    assert "9999999999" not in shown.replace(",", ""), "what is not counted is not told"


def test_an_operator_deletes_it_and_that_is_written_down(operator: Client, talk: Conversation) -> None:
    path = reverse("admin:conversations_conversation_delete", args=[talk.pk])
    asked = operator.get(path).content.decode()
    assert "I am Ann." not in asked, "turns are counted, not listed"
    assert operator.post(path, {"post": "yes"}).status_code == 302
    assert said(str(talk.conversation_id)) == []
    entry = AuditEntry.objects.latest("at")
    assert (entry.action, entry.subject) == ("deleted", str(talk.conversation_id))
    assert "Ann" not in str(entry.changes), "the audit is for ever, so it holds no word of it"


def test_not_while_a_task_of_it_has_not_ended(operator: Client, alice: Persona, talk: Conversation) -> None:
    alice.execute("Later.", conversation_id=str(talk.conversation_id), async_execution=True)
    path = reverse("admin:conversations_conversation_delete", args=[talk.pk])
    answer = operator.post(path, {"post": "yes"}, follow=True).content.decode()
    assert "Nothing was deleted. Task" in answer
    assert "deleted successfully" not in answer
    assert Conversation.objects.filter(pk=talk.pk).exists()


def test_there_is_no_way_to_delete_all(operator: Client, talk: Conversation) -> None:
    chosen = {"action": "delete_selected", "_selected_action": [talk.pk], "post": "yes", "select_across": "1"}
    operator.post(reverse(LIST), chosen)
    assert Conversation.objects.filter(pk=talk.pk).exists()


def test_a_clients_days_are_set_on_its_page(operator: Client, alice: Persona) -> None:
    client = alice.client
    path = reverse("admin:accounts_client_change", args=[client.pk])
    formsets = {f"{name}-{count}_FORMS": "0" for name in ("budgets", "keys") for count in ("TOTAL", "INITIAL")}
    form = {"name": client.name, "tier": str(client.tier_id), "is_active": "on", **formsets}
    assert operator.post(path, {**form, "conversation_retention_days": "-1"}).status_code == 200
    assert operator.post(path, {**form, "conversation_retention_days": "36501"}).status_code == 200
    assert operator.post(path, {**form, "conversation_retention_days": "7"}).status_code == 302
    assert alice.client.conversation_retention_days == 7
    assert AuditEntry.objects.latest("at").changes == {"conversation_retention_days": [None, 7]}
