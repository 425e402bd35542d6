"""The agents we ship, and `manage.py publishcatalog`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents.catalog import SHIPPED, CatalogError, ShippedAgent, check
from agents.management.commands import publishcatalog
from agents.models import Agent, AgentVersion
from agents.tools import registry
from tests.fixtures import World

SLUGS = ["general", "research", "analyst", "writer", "coder", "librarian", "auto", "critic", "editor"]


def shipped(slug: str, *delegates: str, tools: tuple[str, ...] = ()) -> ShippedAgent:
    return ShippedAgent(slug=slug, description="Does it.", instructions="Do it.", delegates=delegates, tools=tools)


def publish() -> list[str]:
    output = StringIO()
    call_command("publishcatalog", stdout=output)
    return output.getvalue().splitlines()


def test_what_we_ship_runs_together() -> None:
    check(SHIPPED, registry.names())
    assert [agent.slug for agent in SHIPPED] == SLUGS
    by_slug = {agent.slug: agent for agent in SHIPPED}
    assert (by_slug["research"].strategy, by_slug["research"].delegates) == ("plan", ("general",))
    assert (by_slug["auto"].strategy, set(by_slug["auto"].delegates)) == ("route", set(SLUGS[:5]))
    assert (by_slug["editor"].strategy, by_slug["editor"].delegates) == ("review", ("critic",))
    assert by_slug["analyst"].tools == ("calculator", "current_time", "run_python")
    assert by_slug["coder"].tools == ("run_python",)
    assert by_slug["research"].tools == ("web_search", "web_fetch")
    assert by_slug["general"].tools == ()


def test_what_we_say_of_agents_is_short() -> None:
    for agent in SHIPPED:
        assert len(agent.description) <= 120
        assert agent.description.count(".") == 1
        assert len(agent.instructions) < 1000


@pytest.mark.parametrize(
    ("agents", "fault"),
    [
        ((shipped("a"), shipped("a")), "have one slug"),
        ((shipped("a", tools=("hammer",)),), "a: there is no tool 'hammer'; there are: calculator"),
        ((shipped("a", "b"),), "a: there is no delegate 'b'; there are: a"),
        ((shipped("a", "a"),), "a: its delegates lead back to it: a → a"),
        ((shipped("a", "b"), shipped("b", "c"), shipped("c", "a")), "a: its delegates lead back to it: a → b → c → a"),
        ((shipped("a", "b"), shipped("b", "c"), shipped("c", "b")), "b: its delegates lead back to it: b → c → b"),
        (
            (ShippedAgent(slug="a", description="Does it.", instructions="Do it.", handoffs=("b",)),),
            "a: there is no agent 'b'; there are: a",
        ),
    ],
)
def test_a_catalog_that_contradicts_itself_is_refused(agents: tuple[ShippedAgent, ...], fault: str) -> None:
    with pytest.raises(CatalogError, match=fault):
        check(agents, registry.names())


def test_a_shared_delegate_is_no_cycle() -> None:
    check((shipped("a", "b", "c"), shipped("b", "d"), shipped("c", "d"), shipped("d")), registry.names())


def test_it_publishes_what_is_missing(database: World) -> None:
    AgentVersion.objects.all().delete()
    Agent.objects.all().delete()
    assert publish() == [f"Published: {', '.join(SLUGS)}."]
    versions = AgentVersion.objects.select_related("agent")
    assert {version.agent.slug: (version.number, version.status) for version in versions} == dict.fromkeys(
        SLUGS, (1, "published")
    )
    for agent in SHIPPED:
        version = versions.get(agent__slug=agent.slug)
        assert (version.tools, version.delegates) == (list(agent.tools), list(agent.delegates))
        assert version.handoffs == list(agent.handoffs)
        assert (version.instructions, version.max_cost_usd) == (agent.instructions, agent.max_cost_usd)
        version.full_clean()


def test_it_changes_nothing_that_is_there(database: World) -> None:
    Agent.objects.filter(slug="writer").update(is_active=False)
    AgentVersion.objects.filter(agent__slug="coder").update(status="retired", instructions="Mine.")
    AgentVersion.objects.filter(agent__slug="auto").delete()
    before = list(AgentVersion.objects.order_by("pk").values()), list(Agent.objects.order_by("pk").values())
    assert publish() == [f"Left as they are: {', '.join(SLUGS)}."]
    assert (list(AgentVersion.objects.order_by("pk").values()), list(Agent.objects.order_by("pk").values())) == before


def test_it_says_both_when_some_are_missing(database: World) -> None:
    AgentVersion.objects.filter(agent__slug="auto").delete()
    Agent.objects.filter(slug="auto").delete()
    assert publish() == [
        "Published: auto.",
        "Left as they are: general, research, analyst, writer, coder, librarian, critic, editor.",
    ]


def test_it_refuses_a_catalog_that_contradicts_itself(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishcatalog, "SHIPPED", (shipped("a", "b"),))
    with pytest.raises(CommandError, match=r"The catalog is not consistent\. a: there is no delegate 'b'"):
        publish()
    assert not Agent.objects.filter(slug="a").exists()
