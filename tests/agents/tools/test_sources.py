"""Tools that operators add while the platform runs."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from agents import content, publishing, teams
from agents.engine.budget import worst_case
from agents.engine.types import MAX_FUNCTIONS, Price
from agents.models import Agent, AgentVersion, Task
from agents.tools import SHIPPED, registry, sources
from agents.tools.arguments import read_by_schema
from agents.tools.registry import Outcome
from agents.tools.tool import CallContext, Tool
from tests.agents.engine.outside import accepted, agent, story, team
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call

WEATHER = {
    "type": "object",
    "properties": {"city-name": {"type": "string"}, "days": {"type": "integer", "maximum": 5}},
    "required": ["city-name"],
    "additionalProperties": False,
}


@dataclass
class Source:
    """What a source gives, and how often it was read."""

    tools: list[Tool] = field(default_factory=list)
    calls: list[CallContext] = field(default_factory=list)
    reads: int = 0
    fault: Exception | None = None

    def read(self) -> list[Tool]:
        self.reads += 1
        if self.fault:
            raise self.fault
        return list(self.tools)

    def add(self, name: str, description: str = "Tell the weather.") -> None:
        async def tell(arguments: dict[str, Any], context: CallContext) -> str:
            self.calls.append(context)
            return f"Sunny in {arguments['city-name']}."

        self.tools.append(
            Tool(
                name=name,
                description=description,
                parameters=WEATHER,
                effect="pure",
                timeout_seconds=5,
                function=tell,
                read=read_by_schema(WEATHER),
                context_parameter="context",
            )
        )


@pytest.fixture
def source(database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """A source with one tool, `weather__tell`."""
    source = Source()
    source.add("weather__tell")
    monkeypatch.setattr(sources, "_sources", list(sources._sources))
    registry.add_source(source.read)
    yield source
    sources.forget()


def refresh(*wanted: str) -> None:
    asyncio.run(registry.refresh(wanted))


def later(source: Source) -> None:
    """As after the seconds for which a process keeps what it read."""
    sources._read_at -= sources.KEPT_SECONDS


def weatherman(**fields: Any) -> None:
    row = {"description": "Tells.", "instructions": "Tell.", "tools": ["weather__*"], "cache_seconds": 0, **fields}
    AgentVersion.objects.create(agent=Agent.objects.create(slug="weatherman"), number=1, status="published", **row)
    teams.forget()


def test_its_tools_are_read_when_an_agent_may_call_them(source: Source) -> None:
    refresh("calculator", "current_time")
    assert (source.reads, registry.get("weather__tell")) == (0, None), "shipped tools cost nothing"
    refresh("calculator", "weather__tell")
    refresh("weather__tell")
    assert source.reads == 1, "it is not read again at once"
    assert set(registry.names()) - {tool.name for tool in SHIPPED} == {"weather__tell"}
    assert registry.effect_of("weather__tell") == "pure"
    later(source)
    source.tools.clear()
    refresh("weather__*")
    assert registry.get("weather__tell") is None


def test_a_task_runs_them_and_tells_where_the_call_comes_from(
    source: Source, alice: Persona, model: ScriptedModel
) -> None:
    weatherman()
    model.answers(tool_call("weather__tell", **{"city-name": "Nice"}), "Sunny.")
    task = alice.execute("How is Nice?", agent_type="weatherman").json()
    assert (task["result"], model.requests[1].messages[-1]["content"]) == ("Sunny.", "Sunny in Nice.")
    assert [offered["function"]["name"] for offered in model.requests[0].body["tools"]] == ["weather__tell"]
    [context] = source.calls
    assert (str(context.task_id), context.agent, context.run) == (task["task_id"], "weatherman", "0")
    assert context.client_id == Task.objects.get().client_id
    assert context.idempotency_key.startswith(task["task_id"])


def test_an_agent_may_be_allowed_one_tool_or_all_of_a_source(source: Source) -> None:
    source.add("weather__warn")
    source.add("weather2__tell")
    refresh("weather__*")
    assert registry.allowed(["weather__*", "calculator", "weather__warn", "gone"]) == [
        "weather__tell", "weather__warn", "calculator",
    ]  # fmt: skip
    assert registry.allowed(["weather2__tell"]) == ["weather2__tell"]
    assert registry.allowed(["__*", "*", "weat__*"]) == []


def test_a_tool_beyond_the_allow_list_is_not_called(source: Source, alice: Persona, model: ScriptedModel) -> None:
    source.add("mail__send")
    weatherman()
    model.answers(tool_call("mail__send", **{"city-name": "Nice"}), "I cannot.")
    alice.execute("Send it.", agent_type="weatherman")
    assert "no tool named 'mail__send' here; there are: weather__tell" in model.requests[1].messages[-1]["content"]
    assert source.calls == []


@pytest.mark.parametrize("fault", [OperationalError("gone"), ValueError("a bug")], ids=["database", "bug"])
def test_it_keeps_what_it_had_while_a_source_cannot_be_read(source: Source, fault: Exception) -> None:
    refresh("weather__tell")
    later(source)
    source.fault = fault
    refresh("weather__tell")
    assert registry.get("weather__tell") is not None


def test_a_name_belongs_to_the_first_that_gives_it(source: Source, logs: Any) -> None:
    source.add("weather__tell", "Another.")
    source.add("calculator", "A false one.")
    refresh("weather__tell")
    assert registry.functions(["weather__tell"])[0].description == "Tell the weather."
    assert "exactly" in registry.functions(["calculator"])[0].description
    assert logs.events("tool_name_taken")


def faults_of(*tools: str) -> list[str]:
    """What is wrong with a draft that may call these."""
    draft = {"description": "Rain.", "instructions": "Tell of rain.", "tools": list(tools)}
    return [fault.message for fault in content.checked(draft, publishing.known_to("rain"))[1]]


def test_a_draft_sees_what_was_added_just_now(source: Source) -> None:
    refresh("weather__tell")
    source.add("weather__warn")
    assert faults_of("weather__warn", "weather__*") == []
    (fault,) = faults_of("snow__*")
    assert re.match(r"There is no tool 'snow__\*'; there are: .*weather__\*, weather__tell", fault)


def test_more_tools_than_a_model_takes_are_refused(source: Source) -> None:
    for number in range(MAX_FUNCTIONS):
        source.add(f"weather__tell_{number}")
    assert faults_of("weather__*") == ["These are 129 tools; a model takes at most 128."]
    assert len(registry.functions(["weather__*"])) == MAX_FUNCTIONS


def test_a_long_description_counts_in_the_worst_case(source: Source) -> None:
    source.add("weather__essay", "ü" * 10_000)
    refresh("weather__essay")
    [function] = registry.functions(["weather__essay"])
    assert function.most_tokens >= 20_000
    members = team(agent("general", price=Price(Decimal(1), Decimal(0))))
    [plain] = story(accepted("general", members), members, "Yes.").model_calls
    added = worst_case(replace(plain, functions=(function,))) - worst_case(plain)
    assert added >= Decimal("0.02")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("", "'city-name' is a required property"),
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"city-name": NaN}', "not valid JSON"),
        ('{"city-name": "Nice", "days": 1e999}', "not valid JSON"),
        ('{"city-name": "Nice", "days": 9}', "$.days: 9 is greater than the maximum of 5"),
        ('{"city-name": "Nice", "price": 1}', "Additional properties are not allowed"),
        ('{"city-name": "\\ud800"}', "not valid JSON"),
    ],
    ids=lambda text: text[:24],
)
def test_arguments_are_checked_by_the_schema(source: Source, arguments: str, fault: str) -> None:
    refresh("weather__tell")
    outcome = asyncio.run(registry.call("weather__tell", arguments))
    assert outcome.is_error
    assert fault in outcome.output
    assert source.calls == []


def test_a_call_from_nowhere_fails_and_says_no_more(source: Source) -> None:
    refresh("weather__tell")
    outcome = asyncio.run(registry.call("weather__tell", json.dumps({"city-name": "Nice"})))
    assert outcome == Outcome("weather__tell failed; it may work with other arguments, or later.", is_error=True)
