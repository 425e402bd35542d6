"""The life of versions, by the console's buttons: published, rolled back, retired, tried out, and all of it on record."""

from typing import Any
from uuid import UUID

import django.test
import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry
from agents import forking, publishing, teams
from agents.models import Agent, AgentVersion, Task
from agents.tasks import run_task
from tests.agents.making import ACTOR, draft, published, tried_out
from tests.api import Persona
from tests.fixtures import World
from tests.personas import OPERATOR
from tests.scripted_model import ScriptedModel


def press(operator: django.test.Client, act: str, version: AgentVersion, **fields: Any) -> str:
    """Press a version's button on the agent's page; gives the page that follows."""
    url = reverse(f"admin:agents_agentversion_{act}", args=[version.pk])
    answer = operator.post(url, {"back": "agent", **fields}, follow=True)
    assert answer.status_code == 200, answer
    teams.forget()
    version.refresh_from_db()
    return answer.content.decode()


def agent_page(operator: django.test.Client, slug: str) -> str:
    return operator.get(reverse("admin:agents_agent_change", args=[Agent.objects.get(slug=slug).pk])).content.decode()


def on_record(subject: str) -> list[tuple[str, str]]:
    """What the audit has of an agent or a version: who did what."""
    return list(AuditEntry.objects.filter(subject=subject).order_by("pk").values_list("actor", "action"))


def test_a_draft_is_published_and_the_one_before_is_retired(operator: django.test.Client, alice: Persona) -> None:
    first, second = published("poet"), draft("poet", instructions="Answer in verse.")
    page = press(operator, "publish", second)
    assert "poet v2 is published in place of v1, which is retired." in page
    first.refresh_from_db()
    assert (first.status, second.status) == ("retired", "published")
    assert alice.execute(agent_type="poet").json()["agent_version"] == 2
    assert on_record("poet v2")[-1] == (OPERATOR, "published")
    entry = AuditEntry.objects.filter(subject="poet v2", action="published").get()
    assert entry.changes["status"] == ["draft", "published"]
    assert on_record("poet v1")[-1] == (OPERATOR, "retired")


def test_rolling_back_is_one_click_that_says_what_it_does(operator: django.test.Client, alice: Persona) -> None:
    first, second = published("poet", description="The first."), published("poet", description="The second.")
    third = published("poet", description="The third.")
    page = agent_page(operator, "poet")
    assert "Roll back to v2" in page
    assert "in place of v3: “The second.”" in page
    page = press(operator, "publish", second)
    assert "poet v2 is published in place of v3, which is retired." in page
    assert on_record("poet v2")[-1] == (OPERATOR, "rolled back to")
    assert alice.execute(agent_type="poet").json()["agent_version"] == 2
    assert "Roll back to v3" not in agent_page(operator, "poet"), "to go forward again is no rolling back"
    press(operator, "publish", first)
    assert alice.execute(agent_type="poet").json()["agent_version"] == 1
    press(operator, "publish", third)
    assert on_record("poet v3")[-1] == (OPERATOR, "published")


def test_a_version_may_be_rolled_back_to_though_a_tool_of_it_is_gone(operator: django.test.Client) -> None:
    first = published("poet")
    published("poet")
    AgentVersion.objects.filter(pk=first.pk).update(tools=["hammer"])
    press(operator, "publish", first)
    assert first.status == "published"


def test_an_agent_whose_version_is_retired_takes_no_tasks(operator: django.test.Client, alice: Persona) -> None:
    version = published("poet")
    page = press(operator, "retire", version)
    assert "poet v1 is retired: poet takes no new tasks until a version of it is published." in page
    assert "No version is published, so the agent takes no tasks." in page
    answer = alice.execute(agent_type="poet")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "agent_type"
    assert error["message"].startswith("This agent takes no tasks now: no version of it is published; there are: an")
    assert on_record("poet v1")[-1] == (OPERATOR, "retired")
    press(operator, "publish", version)
    assert alice.execute(agent_type="poet").status_code == 200


def test_an_agent_that_is_switched_off_takes_no_tasks(operator: django.test.Client, alice: Persona) -> None:
    agent = published("poet").agent
    assert operator.post(reverse("admin:agents_agent_change", args=[agent.pk]), {}).status_code == 302
    teams.forget()
    assert "This agent takes no tasks now" in alice.execute(agent_type="poet").json()["detail"]
    assert AuditEntry.objects.filter(subject="poet", action="changed").get().changes == {"is_active": [True, False]}


def test_an_agent_that_does_not_exist_is_told_apart(alice: Persona) -> None:
    assert "There is no such agent; there are: analyst" in alice.execute(agent_type="nobody").json()["detail"]


def test_a_draft_is_made_of_any_version(operator: django.test.Client) -> None:
    first = published("poet", tools=["calculator"], model_settings={"seed": 1}, output_schema={"type": "string"})
    published("poet")
    page = press(operator, "copy", first)
    copied = AgentVersion.objects.get(agent__slug="poet", number=3)
    assert "poet v3 is a draft with the content of v1." in page
    assert copied.status == "draft"
    assert (copied.tools, copied.model_settings, copied.output_schema) == (
        ["calculator"],
        {"seed": 1},
        {"type": "string"},
    )
    assert on_record("poet v3") == [(OPERATOR, "created")]


def test_drafts_are_deleted_and_nothing_else(operator: django.test.Client) -> None:
    first, second = published("poet"), draft("poet")
    urls = [reverse("admin:agents_agentversion_delete", args=[version.pk]) for version in (first, second)]
    assert [operator.post(url, {"post": "yes"}).status_code for url in urls] == [403, 302]
    assert list(AgentVersion.objects.filter(agent__slug="poet")) == [first]
    assert on_record("poet v2")[-1] == (OPERATOR, "deleted")
    with pytest.raises(ValidationError, match="only drafts can be deleted"):
        publishing.delete(first, actor=ACTOR)


def test_what_a_draft_became_is_on_record(operator: django.test.Client) -> None:
    version = draft("poet")
    form = {
        "description": "Sings.", "instructions": "Sing.\r\nLoudly.", "strategy": "answer", "guard_mode": "flag",
        "output_guard": "flag", "approval": "none", "approval_on_timeout": "reject",
        "temperature": "0.5", "max_output_tokens": 100, "max_steps": 3, "max_cost_usd": "0.1",
        "timeout_seconds": 30, "cache_seconds": 0,
    }  # fmt: skip
    answer = operator.post(reverse("admin:agents_agentversion_change", args=[version.pk]), form)
    assert answer.status_code == 302, answer.content
    entry = AuditEntry.objects.get(subject="poet v1", action="changed")
    assert entry.changes["description"] == ["Rhymes.", "Sings."]
    assert entry.changes["instructions"] == ["Answer in rhyme.", "Sing.\nLoudly."]
    assert entry.changes["temperature"] == [None, 0.5]
    assert entry.actor == OPERATOR


def test_a_task_under_way_keeps_its_version(operator: django.test.Client, alice: Persona, model: ScriptedModel) -> None:
    version = published("poet", instructions="You are the first.")
    queued = alice.execute("Later.", agent_type="poet", async_execution=True).json()["task_id"]
    published("poet", instructions="You are the second.")
    press(operator, "retire", AgentVersion.objects.get(agent__slug="poet", number=2))
    run_task(queued)
    task = alice.status(queued).json()
    assert (task["status"], task["agent_version"]) == ("completed", 1)
    assert Task.objects.get(pk=UUID(queued)).agent_version == version
    assert model.requests[0].messages[0]["content"] == "You are the first."


def test_a_draft_that_a_fork_ran_does_not_change_any_more(operator: django.test.Client, alice: Persona) -> None:
    published("poet")
    story = forking.story_of(UUID(alice.execute(agent_type="poet").json()["task_id"]))
    forking.fork(story, 1, instructions="Answer in verse.", actor=ACTOR)
    ran = AgentVersion.objects.get(agent__slug="poet", status="draft")
    for act in ("change", "delete"):
        url = reverse(f"admin:agents_agentversion_{act}", args=[ran.pk])
        assert operator.post(url, {"description": "Other.", "post": "yes"}).status_code == 403
    with pytest.raises(ValidationError, match="Tasks ran poet v2, so it stays"):
        publishing.delete(ran, actor=ACTOR)
    press(operator, "publish", ran)
    assert ran.status == "published"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"tools": ["hammer"]}, "tools: There is no tool"),
        ({"delegates": ["nobody"]}, "delegates: There is no agent"),
        ({"instructions": ""}, "instructions: It may not be empty."),
        ({"model_settings": {"base_url": "http://127.0.0.1"}}, "model_settings.base_url: There is no such setting"),
    ],
)
def test_a_draft_with_faults_is_not_published(operator: django.test.Client, fields: dict[str, Any], fault: str) -> None:
    version = draft("poet", **fields)
    page = operator.get(reverse("admin:agents_agentversion_change", args=[version.pk])).content.decode()
    assert f"Cannot be published yet:</strong> {fault}" in page
    page = press(operator, "publish", version)
    assert f"Nothing was changed. poet v1 cannot be offered. {fault}" in page
    assert version.status == "draft"


def test_delegates_that_lead_back_are_refused(operator: django.test.Client) -> None:
    published("one")
    published("two", delegates=["one"])
    version = draft("one", delegates=["two"])
    page = press(operator, "publish", version)
    assert "delegates: one: its delegates lead back to it: one → two → one." in page
    assert version.status == "draft"


def test_a_model_without_a_price_is_warned_of(operator: django.test.Client, alice: Persona) -> None:
    version = draft("poet", model="nobody-priced-this", fallback_models=["nor-this"])
    warning = "The model nobody-priced-this has no price"
    assert warning in operator.get(reverse("admin:agents_agentversion_change", args=[version.pk])).content.decode()
    page = press(operator, "publish", version)
    assert "poet v1 is published" in page
    assert warning in page
    assert "The model nor-this has no price" in page
    assert alice.execute(agent_type="poet").json()["code"] == "budget_exceeded"


def test_a_tool_that_is_not_set_up_is_told(operator: django.test.Client, settings: Settings) -> None:
    version = draft("poet", tools=["web_search"])
    page = operator.get(reverse("admin:agents_agentversion_change", args=[version.pk])).content.decode()
    assert (
        "web_search: No web search is set up here; the setting is WEB_SEARCH_PROVIDER. Models are not told of it."
        in page
    )
    settings.WEB_SEARCH_PROVIDER = "tavily"
    page = operator.get(reverse("admin:agents_agentversion_change", args=[version.pk])).content.decode()
    assert "No web search" not in page


def test_a_delegate_that_is_not_published_is_warned_of(operator: django.test.Client) -> None:
    draft("helper")
    page = press(operator, "publish", draft("poet", delegates=["helper"]))
    assert "It calls helper, of which no version is published; it does without." in page


@pytest.mark.parametrize("act", ["publish", "retire", "try-out", "copy"])
def test_a_link_does_nothing(operator: django.test.Client, act: str) -> None:
    version = draft("poet")
    url = reverse(f"admin:agents_agentversion_{act}", args=[version.pk])
    assert operator.get(url).status_code == 405
    assert operator.post(reverse(f"admin:agents_agentversion_{act}", args=[999_999])).status_code == 404


@pytest.mark.parametrize("act", ["publish", "retire", "try-out", "copy"])
def test_who_may_only_look_changes_nothing(database: World, act: str) -> None:
    version = draft("poet")
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=("view_agent", "view_agentversion")))
    client = django.test.Client()
    client.force_login(viewer)
    assert (
        client.post(reverse(f"admin:agents_agentversion_{act}", args=[version.pk]), {"percent": 5}).status_code == 403
    )
    page = client.get(reverse("admin:agents_agent_change", args=[version.agent_id])).content.decode()
    assert "Versions" in page
    assert "Copy to a new draft" not in page


def test_a_stale_page_is_told(operator: django.test.Client) -> None:
    version = published("poet")
    assert "Nothing was changed. poet v1 is published already." in press(operator, "publish", version)
    press(operator, "retire", version)
    assert "poet v1 is retired; what is published or tried out can be retired." in press(operator, "retire", version)


class TestTrial:
    """A version that is tried out."""

    def test_it_is_begun_changed_and_stopped(self, operator: django.test.Client) -> None:
        published("poet")
        version = draft("poet")
        page = press(operator, "try-out", version, percent="25")
        assert "25 % of the new tasks of poet run poet v2" in page
        assert "is tried out: 25 % of the new tasks run it." in page
        assert version.status == "candidate"
        press(operator, "try-out", version, percent="50")
        agent = Agent.objects.get(slug="poet")
        assert (agent.candidate, agent.candidate_percent) == (version, 50)
        page = press(operator, "retire", version)
        assert "poet v2 is retired: it is over." in page
        agent.refresh_from_db()
        assert (version.status, agent.candidate, agent.candidate_percent) == ("retired", None, 0)
        shares = (
            AuditEntry.objects.filter(subject="poet", subject_kind="agent")
            .order_by("pk")
            .values_list("changes", flat=True)
        )
        assert [changes["candidate_percent"] for changes in shares] == [[0, 25], [25, 50], [50, 0]]
        assert shares[0]["candidate"] == [None, "poet v2"]

    def test_it_is_promoted(self, operator: django.test.Client, alice: Persona) -> None:
        first = published("poet")
        second = tried_out("poet", 10)
        page = operator.get(reverse("admin:agents_agentversion_change", args=[second.pk])).content.decode()
        assert "Promote" in page
        press(operator, "publish", second)
        first.refresh_from_db()
        assert (first.status, second.status) == ("retired", "published")
        assert Agent.objects.get(slug="poet").candidate is None
        assert {alice.execute(f"{n}.", agent_type="poet").json()["agent_version"] for n in range(5)} == {2}

    def test_it_is_not_changed_while_it_runs(self, operator: django.test.Client) -> None:
        published("poet")
        version = tried_out("poet", 10)
        change = reverse("admin:agents_agentversion_change", args=[version.pk])
        assert operator.post(change, {"description": "Other."}).status_code == 403
        press(operator, "retire", version)
        assert operator.post(change, {"description": "Other."}).status_code == 403, "tasks may have run it"

    def test_it_ends_when_the_published_version_is_retired(self, operator: django.test.Client, alice: Persona) -> None:
        version = published("poet")
        tried_out("poet", 100)
        press(operator, "retire", version)
        assert set(AgentVersion.objects.filter(agent__slug="poet").values_list("status", flat=True)) == {"retired"}
        assert alice.execute(agent_type="poet").status_code == 400

    @pytest.mark.parametrize("percent", ["0", "101", "-1", "ten", "", "1.5", "١", "99999"])
    def test_a_share_is_1_to_100_percent(self, operator: django.test.Client, percent: str) -> None:
        published("poet")
        version = draft("poet")
        page = press(operator, "try-out", version, percent=percent)
        assert "Nothing was changed. The share is a whole number from 1 to 100 percent." in page
        assert version.status == "draft"

    def test_what_makes_no_sense_is_refused(self, operator: django.test.Client) -> None:
        version = draft("poet")
        assert "poet has no published version to be tried out against" in press(operator, "try-out", version, percent=5)
        first = published("poet")
        assert "all other tasks run it already" in press(operator, "try-out", first, percent=5)
        press(operator, "try-out", version, percent=5)
        other = draft("poet", description="Other.")
        assert "poet v1 is being tried out; promote or stop it first." in press(operator, "try-out", other, percent=5)
        broken = draft("broken", tools=["hammer"])
        published("broken")
        assert "There is no tool" in press(operator, "try-out", broken, percent=5)
        assert broken.status == "draft"
