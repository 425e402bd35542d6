"""What a client's masking keeps out of model, journal, logs and result."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from accounts import callers
from accounts.models import Client
from tests.api import Persona
from tests.fixtures import Logs
from tests.scripted_model import ScriptedModel, tool_call

MAIL, KEY, CARD = "ada@example.org", "sk-proj-abcdefghijklmnopqrstuvwx", "4111 1111 1111 1111"
SENT = f"Write to {MAIL}; the key is {KEY}, the card {CARD}."


@pytest.fixture
def masks(alice: Persona) -> Callable[[str], None]:
    def masks(mode: str) -> None:
        Client.objects.filter(pk=alice.api_key.client_id).update(masking=mode)
        callers.forget()

    return masks


def everything_kept() -> str:
    """All rows of all tables that a task can leave something in, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        names = [name for (name,) in cursor.fetchall() if not name.startswith(("auth_", "django_"))]
        found = []
        for name in names:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{name}" t')
            found.append(str(cursor.fetchone()))
    return "\n".join(found)


@pytest.mark.parametrize("way", ["in the request", "in the background", "streamed"])
def test_what_is_masked_reaches_nobody(
    alice: Persona, model: ScriptedModel, masks: Any, logs: Logs, worker: None, way: str
) -> None:
    masks("personal")
    model.answers(f"I wrote to {MAIL} with {KEY}.")
    fields: dict[str, Any] = {"context": {"who": {"mail": MAIL}}, "metadata": {"for": MAIL}, "cache": "bypass"}
    if way == "streamed":
        with alice.stream(SENT, **fields) as stream:
            task = stream.events[-1].data["task"]
        assert stream.text == task["result"]
    else:
        task = alice.execute(SENT, async_execution=way == "in the background", **fields).json()
        task = alice.status(task["task_id"], wait=20).json()
    assert task["result"] == "I wrote to [e-mail] with [secret]."
    assert task["metadata"] == {"for": "[e-mail]"}
    asked = json.dumps(model.requests[-1].body["messages"], ensure_ascii=False)
    assert "Write to [e-mail]; the key is [secret], the card [card]." in asked
    for place in (asked, everything_kept(), logs.text, json.dumps(task)):
        assert MAIL not in place
        assert KEY not in place
        assert CARD not in place


def test_secrets_alone(alice: Persona, model: ScriptedModel, masks: Any) -> None:
    masks("secrets")
    alice.execute(SENT)
    assert (
        f"Write to {MAIL}; the key is [secret], the card [card]." in model.requests[-1].body["messages"][-1]["content"]
    )


def test_nothing_where_it_is_not_wanted(alice: Persona, model: ScriptedModel) -> None:
    model.answers(f"Done, {MAIL}.")
    assert alice.execute(SENT).json()["result"] == f"Done, {MAIL}."
    assert SENT in model.requests[-1].body["messages"][-1]["content"]


def test_tools_are_given_and_give_nothing_of_it(alice: Persona, model: ScriptedModel, masks: Any) -> None:
    masks("personal")
    model.answers(tool_call("calculator", expression=f"1 + {CARD}"), "Done.")
    task = alice.execute("Add.", agent_type="analyst", cache="bypass").json()
    steps = json.dumps(alice.status(task["task_id"], include="steps").json())
    assert CARD not in steps
    assert "[card]" in steps


def test_json_stays_json(alice: Persona, model: ScriptedModel, masks: Any) -> None:
    masks("personal")
    model.answers(json.dumps({"mail": MAIL, "count": 2}))
    schema = {"type": "object", "properties": {"mail": {"type": "string"}, "count": {"type": "integer"}}}
    assert alice.execute("Who?", output_schema=schema).json()["result"] == {"mail": "[e-mail]", "count": 2}


def test_operators_choose_it_on_the_clients_page(operator: Browser, alice: Persona) -> None:
    client = alice.api_key.client
    page = reverse("admin:accounts_client_change", args=[client.pk])
    form = operator.get(page).context["adminform"].form
    assert "Secrets and personal data" in str(form["masking"])
