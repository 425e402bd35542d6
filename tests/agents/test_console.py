"""Agents and tasks in the operators' console."""

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
        "fallback_models": "", "temperature": "", "model_settings": "", "tools": [], "delegates": "", "handoffs": [],
        "output_schema": "", "guard_mode": "block", "output_guard": "flag", "topics": "",
        "approval": "none", "approval_tools": "", "approval_timeout_seconds": "",
        "approval_on_timeout": "reject", "max_output_tokens": 100, "max_steps": 3, "max_cost_usd": "0.1",
        "timeout_seconds": 30, "cache_seconds": 0, **fields,
    }  # fmt: skip


@pytest.fixture
def poet(operator: Client) -> AgentVersion:
    """A new agent's first draft, made in the console."""
    assert operator.post(reverse("admin:agents_agent_add"), {"slug": "poet", "is_active": "on"}).status_code == 302
    form = version_form(Agent.objects.get(slug="poet"), fallback_models="gpt-5-nano")
    assert operator.post(reverse("admin:agents_agentversion_add"), form).status_code == 302
    return AgentVersion.objects.get(agent__slug="poet")


def publish(operator: Client, version: AgentVersion) -> None:
    answer = operator.post(reverse("admin:agents_agentversion_publish", args=[version.pk]))
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
    operator.post(reverse("admin:agents_agentversion_copy", args=[poet.pk]))
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
        ("tools", ["hammer"], "There is no tool"),
        ("delegates", "nobody", "There is no agent"),
        ("delegates", "general, poet", "An agent cannot name itself"),
        ("delegates", "general, general", "Name each once"),
        ("handoffs", ["poet"], "An agent cannot name itself"),
        ("fallback_models", "a, b, c, d, e, f", "at most 5 models&#x27; names"),
        ("fallback_models", "gpt-5-mini", "It falls back to itself"),
        ("model_settings", "[", "Enter a valid JSON"),
        ("model_settings", "[1]", "It takes settings by their names"),
        ("model_settings", '{"top_p": 2}', "top_p: It takes a number above 0, at most 1."),
        ("model_settings", '{"base_url": "http://x"}', "base_url: There is no such setting; there are: top_p"),
        ("output_schema", '{"type": "nonsense"}', "This is no JSON Schema"),
        ("output_schema", '{"default": NaN}', "JSON knows neither NaN nor infinity."),
        ("guard_mode", "sleep", "sleep is not one of the available choices"),
        ("max_steps", "0", "It takes a whole number from 1 to 1,000."),
        ("max_steps", "99999999999", "It takes a whole number from 1 to 1,000."),
        ("max_cost_usd", "0", "It takes US dollars above 0"),
        ("temperature", "3", "It takes a number from 0 to 2"),
        ("temperature", "nan", "Enter a number"),
        ("cache_seconds", "-1", "greater than or equal to 0"),
        ("instructions", "", "This field is required."),
    ],
)
def test_a_bad_version_is_explained(operator: Client, poet: AgentVersion, field: str, value: Any, message: str) -> None:
    form = version_form(poet.agent, **{field: value})
    answer = operator.post(reverse("admin:agents_agentversion_change", args=[poet.pk]), form)
    assert answer.status_code == 200
    assert message in answer.content.decode()


def drafted(operator: Client, slug: str, **fields: Any) -> AgentVersion:
    """A new draft of an agent, saved in the console."""
    agent, _ = Agent.objects.get_or_create(slug=slug)
    form = version_form(agent, **{**fields, "delegates": ", ".join(fields.get("delegates", []))})
    answer = operator.post(reverse("admin:agents_agentversion_add"), form)
    assert answer.status_code == 302, answer.content.decode()
    return AgentVersion.objects.filter(agent=agent).order_by("-number")[0]


def test_delegates_that_lead_back_are_refused_when_they_are_saved(operator: Client, poet: AgentVersion) -> None:
    publish(operator, poet)
    publish(operator, drafted(operator, "singer", delegates=["poet"]))
    publish(operator, drafted(operator, "choir", delegates=["general", "singer"]))
    form = version_form(poet.agent, delegates="choir")
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
    page = operator.post(reverse("admin:agents_agentversion_publish", args=[back.pk]), follow=True).content.decode()
    assert "Nothing was changed. poet v2 cannot be offered. delegates: poet: its delegates lead back to it" in page
    back.refresh_from_db()
    poet.refresh_from_db()
    assert (poet.status, back.status) == ("published", "draft")


def test_conversations_may_go_in_a_circle(operator: Client, poet: AgentVersion) -> None:
    publish(operator, poet)
    publish(operator, drafted(operator, "singer", handoffs=["poet"]))
    publish(operator, drafted(operator, "poet", handoffs=["singer"]))
    published = AgentVersion.objects.filter(status="published", agent__slug__in=("poet", "singer"))
    assert {version.agent.slug: version.handoffs for version in published} == {"poet": ["singer"], "singer": ["poet"]}


def test_all_that_a_version_sets_is_kept_as_it_was_given(operator: Client, poet: AgentVersion) -> None:
    given = {
        "fallback_models": "gpt-5-nano, gpt-4.1", "model_settings": '{"top_p": 0.5, "stop": "END"}',
        "tools": ["current_time", "calculator"], "delegates": "writer,  general ",
        "handoffs": ["coder"], "output_schema": '{"type": "object"}', "guard_mode": "flag",
    }  # fmt: skip
    change = reverse("admin:agents_agentversion_change", args=[poet.pk])
    assert operator.post(change, version_form(poet.agent, **given)).status_code == 302
    poet.refresh_from_db()
    assert (poet.fallback_models, poet.delegates, poet.handoffs) == (
        ["gpt-5-nano", "gpt-4.1"],
        ["writer", "general"],
        ["coder"],
    )
    assert (poet.tools, poet.output_schema) == (["current_time", "calculator"], {"type": "object"})
    assert (poet.model_settings, poet.guard_mode) == ({"top_p": 0.5, "stop": ["END"]}, "flag")
    page = operator.get(change).content.decode()
    assert "writer, general" in page
    assert page.count("checked") >= 3


def test_a_name_that_means_nothing_any_more_is_shown_to_be_given_up(operator: Client, poet: AgentVersion) -> None:
    AgentVersion.objects.filter(pk=poet.pk).update(tools=["hammer"])
    page = operator.get(reverse("admin:agents_agentversion_change", args=[poet.pk])).content.decode()
    assert "hammer (there is no such any more)" in page


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
