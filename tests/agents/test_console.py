"""Agents and tasks in the operators' console."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents import teams
from agents.models import Agent, AgentVersion, Task
from tests.api import Persona
from tests.scripted_model import ScriptedModel

XSS = "<script>alert(1)</script>"


def version_form(agent: Agent, **fields: Any) -> dict[str, Any]:
    return {
        "agent": agent.pk, "description": "Rhymes.", "instructions": "Answer in rhyme.", "strategy": "answer", "model": "",
        "temperature": "", "tools": "[]", "delegates": "[]", "max_output_tokens": 100, "max_steps": 3,
        "max_cost_usd": "0.1", "timeout_seconds": 30, "cache_seconds": 0, **fields,
    }  # fmt: skip


@pytest.fixture
def poet(operator: Client) -> AgentVersion:
    """A new agent's first draft, made in the console."""
    assert operator.post(reverse("admin:agents_agent_add"), {"slug": "poet", "is_active": "on"}).status_code == 302
    form = version_form(Agent.objects.get(slug="poet"), fallback_models='["gpt-5-nano"]')
    assert operator.post(reverse("admin:agents_agentversion_add"), form).status_code == 302
    return AgentVersion.objects.get(agent__slug="poet")


def publish(operator: Client, version: AgentVersion) -> None:
    answer = operator.get(reverse("admin:agents_agentversion_publish", args=[version.pk]))
    assert answer.status_code == 302, answer.content
    teams.forget()


def test_an_operator_makes_an_agent_without_deploying(
    operator: Client, poet: AgentVersion, alice: Persona, model: ScriptedModel
) -> None:
    assert alice.execute(agent_type="poet").status_code == 400, "a draft is not offered"
    publish(operator, poet)
    task = alice.execute("Tell me of rain.", agent_type="poet").json()
    assert (task["agent_type"], task["agent_version"], task["status"]) == ("poet", 1, "completed")
    assert model.requests[0].messages[0]["content"].startswith("Answer in rhyme.")


def test_a_published_version_is_copied_not_changed(operator: Client, poet: AgentVersion, alice: Persona) -> None:
    publish(operator, poet)
    change = reverse("admin:agents_agentversion_change", args=[poet.pk])
    assert operator.post(change, version_form(poet.agent, instructions="Other.")).status_code == 403
    operator.get(reverse("admin:agents_agentversion_copy_to_draft", args=[poet.pk]))
    draft = AgentVersion.objects.get(agent=poet.agent, status="draft")
    assert (draft.number, draft.instructions) == (2, "Answer in rhyme.")
    assert draft.fallback_models == ["gpt-5-nano"]
    publish(operator, draft)
    poet.refresh_from_db()
    assert poet.status == "retired"
    assert alice.execute(agent_type="poet").json()["agent_version"] == 2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tools", '["hammer"]', "There is no tool"),
        ("tools", '"calculator"', "A list of names is needed"),
        ("delegates", '["nobody"]', "There is no agent"),
        ("delegates", '["poet"]', "There is no agent"),
        ("delegates", '["general", "general"]', "Name each agent once"),
        ("handoffs", '["nobody"]', "There is no agent"),
        ("handoffs", '["poet"]', "There is no agent"),
        ("handoffs", '"general"', "A list of names is needed"),
        ("tools", "[", "Enter a valid JSON"),
        ("fallback_models", '"gpt-5-nano"', "A list of models&#x27; names is needed"),
        ("fallback_models", '[""]', "A list of models&#x27; names is needed"),
        ("fallback_models", '["gpt-5-nano", "gpt-5-nano"]', "Name each model once"),
        ("fallback_models", '["a", "b", "c", "d", "e", "f"]', "Name at most 5 models"),
        ("fallback_models", '["gpt-5-mini"]', "It falls back to itself"),
    ],
)
def test_a_bad_version_is_explained(operator: Client, poet: AgentVersion, field: str, value: str, message: str) -> None:
    form = version_form(poet.agent, **{field: value})
    answer = operator.post(reverse("admin:agents_agentversion_change", args=[poet.pk]), form)
    assert answer.status_code == 200
    assert message in answer.content.decode()


def drafted(operator: Client, slug: str, **fields: Any) -> AgentVersion:
    """A new draft of an agent, saved in the console."""
    agent, _ = Agent.objects.get_or_create(slug=slug)
    form = version_form(agent, **{name: json.dumps(value) for name, value in fields.items()})
    answer = operator.post(reverse("admin:agents_agentversion_add"), form)
    assert answer.status_code == 302, answer.content.decode()
    return AgentVersion.objects.filter(agent=agent).order_by("-number")[0]


def test_delegates_that_lead_back_are_refused_when_they_are_saved(operator: Client, poet: AgentVersion) -> None:
    publish(operator, poet)
    publish(operator, drafted(operator, "singer", delegates=["poet"]))
    publish(operator, drafted(operator, "choir", delegates=["general", "singer"]))
    form = version_form(poet.agent, delegates='["choir"]')
    answer = operator.post(reverse("admin:agents_agentversion_add"), form)
    assert answer.status_code == 200
    assert "poet: its delegates lead back to it: poet → choir → singer → poet." in answer.content.decode()


def test_a_cycle_that_came_about_meanwhile_is_refused_when_it_is_published(
    operator: Client, poet: AgentVersion
) -> None:
    publish(operator, poet)
    singer = drafted(operator, "singer", delegates=["poet"])
    back = drafted(operator, "poet", delegates=["singer"])
    publish(operator, singer)
    page = operator.get(reverse("admin:agents_agentversion_publish", args=[back.pk]), follow=True).content.decode()
    assert "poet v2 is not published. poet: its delegates lead back to it: poet → singer → poet." in page
    back.refresh_from_db()
    poet.refresh_from_db()
    assert (poet.status, back.status) == ("published", "draft")


def test_conversations_may_go_in_a_circle(operator: Client, poet: AgentVersion) -> None:
    publish(operator, poet)
    publish(operator, drafted(operator, "singer", handoffs=["poet"]))
    publish(operator, drafted(operator, "poet", handoffs=["singer"]))
    published = AgentVersion.objects.filter(status="published", agent__slug__in=("poet", "singer"))
    assert {version.agent.slug: version.handoffs for version in published} == {"poet": ["singer"], "singer": ["poet"]}


def test_a_tasks_page_tells_its_story_and_escapes_it(operator: Client, alice: Persona, model: ScriptedModel) -> None:
    model.answers(f"{XSS} answered")
    task_id = alice.execute(f"{XSS} asked", metadata={"note": XSS}).json()["task_id"]
    page = operator.get(reverse("admin:agents_task_change", args=[task_id])).content.decode()
    assert "ModelAnswered" in page
    assert "answered" in page
    assert XSS not in page


def test_lists_show_no_prompts_and_no_outputs(operator: Client, alice: Persona, model: ScriptedModel) -> None:
    model.answers("canary-output")
    alice.execute("canary-prompt")
    page = operator.get(reverse("admin:agents_task_changelist")).content.decode()
    assert str(Task.objects.get().pk) in page
    assert "canary" not in page


@pytest.mark.parametrize("name", ["agent", "agentversion", "task", "process"])
def test_every_list_opens(operator: Client, alice: Persona, name: str) -> None:
    alice.execute()
    assert operator.get(reverse(f"admin:agents_{name}_changelist")).status_code == 200


def test_a_task_is_found_by_its_id(operator: Client, alice: Persona) -> None:
    wanted, other = (alice.execute(f"Task {n}.").json()["task_id"] for n in range(2))
    page = operator.get(reverse("admin:agents_task_changelist"), {"q": wanted}).content.decode()
    assert wanted in page
    assert other not in page


def test_tasks_cannot_be_changed(operator: Client, alice: Persona) -> None:
    task_id = alice.execute().json()["task_id"]
    assert operator.post(reverse("admin:agents_task_change", args=[task_id]), {"status": "failed"}).status_code == 403
    assert operator.get(reverse("admin:agents_task_add")).status_code == 403
