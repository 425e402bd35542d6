"""Replaying tasks for nothing, and forking them at a step with other instructions."""

from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import django.test
import pytest
from django.core.management import CommandError, call_command

from accounts.models import Client
from accounts.money.models import LedgerEntry
from agents import forking
from agents.models import AgentVersion, Event, Task
from agents.usage import rollup
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call
from tests.waiting import eventually


def said(*command: str) -> str:
    out = StringIO()
    call_command("replay", *command, stdout=out)
    return out.getvalue()


@pytest.fixture
def task(alice: Persona, model: ScriptedModel) -> dict[str, Any]:
    """The analyst calculated 6*7 in its first step and answered in its second."""
    model.answers(tool_call("calculator", expression="6*7"), "It is 42.")
    found: dict[str, Any] = alice.execute("What is six times seven?", agent_type="analyst").json()
    assert found["result"] == "It is 42."
    return found


def test_a_replay_calls_and_costs_nothing(task: dict[str, Any], model: ScriptedModel, database: object) -> None:
    calls, entries = len(model.requests), LedgerEntry.objects.count()
    told = said(task["task_id"])
    assert "3 answers of models and tools taken from the journal; nothing called, $0." in told
    assert "Every decision is as it was." in told
    assert "It is 42." in told
    assert (len(model.requests), LedgerEntry.objects.count()) == (calls, entries)


def test_a_fork_goes_on_from_its_step_with_other_instructions(
    task: dict[str, Any], model: ScriptedModel, worker: None, tmp_path: Path, alice: Persona
) -> None:
    instructions = tmp_path / "instructions.txt"
    instructions.write_text("Answer like a pirate.\n")
    model.answers("Arr, 42!")
    told = said(task["task_id"], "--fork-at", "2", "--instructions", str(instructions))
    assert "-It is 42." in told
    assert "+Arr, 42!" in told
    messages = model.requests[-1].messages
    assert messages[0]["content"].startswith("Answer like a pirate.")
    assert messages[-1] == {"role": "tool", "content": "42", "tool_call_id": messages[-1]["tool_call_id"]}
    fork = Task.objects.get(forked_from=task["task_id"])
    assert (fork.forked_step, fork.status, fork.model_calls, fork.tool_calls) == (2, "completed", 2, 1)
    draft = AgentVersion.objects.get(pk=fork.agent_version_id)
    assert (draft.status, draft.instructions) == ("draft", "Answer like a pirate.")


def test_a_fork_is_the_consoles_and_pays_for_what_it_calls_alone(
    task: dict[str, Any], model: ScriptedModel, worker: None, alice: Persona
) -> None:
    story = forking.story_of(Task.objects.get().pk)
    model.answers("Still 42.")
    said(task["task_id"], "--fork-at", "2")
    fork = Task.objects.get(forked_from=story.task)
    assert fork.client.name == "Operators' console"
    assert alice.status(str(fork.pk)).status_code == 404
    entries = LedgerEntry.objects.filter(task_id=fork.pk)
    assert entries.count() == 1
    assert fork.cost_usd == entries.get().amount_usd
    assert 0 < fork.cost_usd < story.task.cost_usd
    assert fork.input_tokens < story.task.input_tokens
    rollup.roll_up()
    assert alice.get("/agent/usage").json()["requests"] == 1


def test_a_fork_leaves_the_first_task_as_it_is(task: dict[str, Any], model: ScriptedModel, worker: None) -> None:
    before = list(Event.objects.filter(task_id=task["task_id"]).values_list("seq", "data"))
    model.answers("Other.")
    said(task["task_id"], "--fork-at", "1")
    assert list(Event.objects.filter(task_id=task["task_id"]).values_list("seq", "data")) == before


def test_bad_wishes_are_refused_in_a_sentence(task: dict[str, Any], alice: Persona, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    queued = alice.execute("Later.", async_execution=True).json()["task_id"]
    for arguments, message in (
        ((str(uuid4()),), "There is no task"),
        ((task["task_id"], "--fork-at", "9"), "no step 9; there are 1, 2"),
        ((task["task_id"], "--instructions", str(empty)), "name its step with --fork-at"),
        ((task["task_id"], "--fork-at", "1", "--instructions", str(tmp_path / "none")), "cannot be read"),
        ((task["task_id"], "--fork-at", "1", "--instructions", str(empty)), "nstructions"),
        ((queued,), "is queued; a task can be replayed when it has ended"),
    ):
        with pytest.raises(CommandError, match=message):
            said(*arguments)
    assert not Task.objects.exclude(forked_from=None).exists()
    assert not AgentVersion.objects.filter(status="draft").exists()


def test_a_task_without_its_journal_says_so(task: dict[str, Any], database: object) -> None:
    Task.objects.update(journal_pruned_at="2026-01-01T00:00Z")
    with pytest.raises(CommandError, match="was dropped on 2026-01-01"):
        said(task["task_id"])


def test_operators_replay_fork_and_compare_in_the_console(
    task: dict[str, Any], model: ScriptedModel, worker: None, operator: django.test.Client
) -> None:
    address = f"/admin/agents/task/{task['task_id']}/replay/"
    assert address in operator.get(f"/admin/agents/task/{task['task_id']}/change/").content.decode()
    page = operator.get(address).content.decode()
    assert "Every decision is as it was" in page
    assert "Answer in the language of the task" in page, "its instructions, to be changed"
    model.answers("<b>Arr</b>, 42!")
    answer = operator.post(address, {"step": "2", "instructions": "Answer like a pirate."})
    fork = Task.objects.get(forked_from=task["task_id"])
    address = f"/admin/agents/task/{fork.pk}/forked/"
    assert answer["Location"] == address
    eventually(lambda: Task.objects.filter(pk=fork.pk, status="completed").exists())
    page = operator.get(address).content.decode()
    assert "It is 42." in page
    assert "&lt;b&gt;Arr&lt;/b&gt;, 42!" in page
    assert "step 2" in page


def test_a_faulty_fork_is_told_on_its_page(task: dict[str, Any], operator: django.test.Client) -> None:
    address = f"/admin/agents/task/{task['task_id']}/replay/"
    page = operator.post(address, {"step": "7", "instructions": "Other."}).content.decode()
    assert "not one of the available choices" in page
    page = operator.post(address, {"step": "2", "instructions": ""}).content.decode()
    assert "required" in page
    assert Client.objects.filter(name="Operators' console").count() == 0


def test_instructions_are_those_of_the_steps_own_agent(
    alice: Persona, model: ScriptedModel, worker: None, operator: django.test.Client
) -> None:
    """The root is `auto` in its first step, and the analyst from the second on."""
    model.answers("analyst", "It is 42.")
    task = alice.execute("What is six times seven?", agent_type="auto").json()
    address = f"/admin/agents/task/{task['task_id']}/replay/"
    page = operator.post(address, {"step": "2", "instructions": "Answer like a pirate."}).content.decode()
    assert "Step 2 is analyst&#x27;s, and these are the instructions of auto" in page
    assert not Task.objects.exclude(forked_from=None).exists()
    assert "You are a data analyst." in operator.get(f"{address}?step=2").content.decode()
    model.answers("Arr, 42!")
    operator.post(f"{address}?step=2", {"step": "2", "instructions": "Answer like a pirate."})
    fork = Task.objects.get(forked_from=task["task_id"])
    eventually(lambda: Task.objects.filter(pk=fork.pk, status="completed").exists())
    assert AgentVersion.objects.get(status="draft").agent.slug == "analyst"
