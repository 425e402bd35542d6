"""Agents that work together, over HTTP: delegates, hand-overs, reviews, and the tree that clients see."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from agents import lifecycle, sweeper, teams
from agents.engine import events as e
from agents.engine.types import ToolCall, Usage
from agents.models import Agent, AgentVersion
from agents.tasks import run_task
from tests.agents.test_background import abandon, queued
from tests.api import Persona
from tests.scripted_model import ScriptedModel, failure, text, tool_call, tool_calls

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
OBJECTION = json.dumps({"approved": False, "remarks": "Shorter."})
APPROVAL = json.dumps({"approved": True, "remarks": ""})
Publish = Callable[..., None]


@pytest.fixture
def publish(alice: Persona) -> Publish:
    """`publish("lead", delegates=["poet"])`: a published agent whose instructions name it."""

    def published(slug: str, **fields: Any) -> None:
        told = {"description": f"Does {slug}.", "instructions": f"You are {slug}.", "cache_seconds": 0, **fields}
        agent = Agent.objects.create(slug=slug)
        AgentVersion.objects.create(agent=agent, number=1, status=AgentVersion.Status.PUBLISHED, **told)
        teams.forget()

    return published


@pytest.fixture
def lead(publish: Publish) -> None:
    """An agent that may ask two others and calculate."""
    publish("lead", delegates=["poet", "adder"], tools=["calculator"])
    publish("poet")
    publish("adder", tools=["calculator"])


def ask(slug: str, task: str) -> Any:
    return tool_call(f"ask_{slug}", task=task)


@pytest.mark.usefixtures("lead")
def test_it_asks_other_agents_and_uses_tools_at_once(alice: Persona, model: ScriptedModel) -> None:
    model.when("You are poet", "Rain, again.")
    model.when("You are adder", tool_call("calculator", expression="2+2"), "Four.")
    model.answers(
        tool_calls(ask("poet", "Rhyme on rain."), tool_call("calculator", expression="6*7"), ask("adder", "2+2?")),
        "All done.",
    )
    task = alice.execute("Do all of it.", agent_type="lead").json()
    assert task["result"] == "All done."
    assert (task["usage"]["model_calls"], task["usage"]["tool_calls"]) == (5, 2)
    offered = [function["function"]["name"] for function in model.requests[0].body["tools"]]
    assert offered == ["calculator", "ask_poet", "ask_adder"]
    heard = [message["content"] for message in model.requests[-1].messages if message["role"] == "tool"]
    assert heard == ["Rain, again.", "42", "Four."]
    [asked] = [request for request in model.requests if request.messages[0]["content"] == "You are poet."]
    assert asked.messages[1:] == [{"role": "user", "content": "Rhyme on rain."}]


@pytest.mark.usefixtures("lead")
def test_delegates_run_side_by_side(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_calls(ask("poet", "One."), ask("poet", "Two.")))
    holds = [model.holds("First."), model.holds("Second.")]
    model.when("First.", "Both came.")
    with alice.stream("Do it.", agent_type="lead") as stream:
        stream.until("step.started")
        for hold in holds:
            hold.reached()
        for hold in holds:
            hold.release()
        assert stream.events[-1].data["task"]["result"] == "Both came."


@pytest.mark.usefixtures("lead")
def test_a_delegate_that_fails_does_not_fail_the_task(alice: Persona, model: ScriptedModel) -> None:
    model.when("could not do it", "Without a poem.")
    model.when("You are poet", failure(400))
    model.answers(ask("poet", "Rhyme."))
    assert alice.execute("Do it.", agent_type="lead").json()["result"] == "Without a poem."
    assert model.requests[-1].messages[-1]["content"] == "poet could not do it. The model provider answered 400."


@pytest.mark.usefixtures("lead")
def test_an_agent_it_may_not_call_is_no_tool(alice: Persona, model: ScriptedModel) -> None:
    model.answers(ask("general", "Anything."), "Never mind.")
    assert alice.execute("Do it.", agent_type="lead").json()["result"] == "Never mind."
    told = "There is no tool named 'ask_general' here; there are: calculator, ask_poet, ask_adder."
    assert model.requests[-1].messages[-1]["content"] == told


@pytest.mark.usefixtures("lead")
def test_steps_time_and_cost_end_the_task_with_its_tree(alice: Persona, model: ScriptedModel) -> None:
    model.when("You are poet", "A verse.")
    model.answers(tool_calls(ask("poet", "One."), ask("poet", "Two.")), *["Done."] * 5)
    answer = alice.execute("Do it.", agent_type="lead", limits={"max_steps": 2})
    assert answer.json()["code"] == "max_steps"
    assert answer.json()["task"]["usage"]["model_calls"] == 1
    model.reset()
    model.answers(ask("poet", "x" * 4000))
    answer = alice.execute("Do it.", agent_type="lead", limits={"max_cost_usd": "0.005", "max_output_tokens": 2000})
    assert answer.json()["code"] == "budget_exceeded"
    assert Decimal(answer.json()["task"]["cost_usd"]) <= Decimal("0.005")


WITH_DELEGATES = {"include": "delegates"}


@pytest.mark.usefixtures("lead")
def test_what_a_delegate_writes_is_told_as_it_comes_to_who_asks(alice: Persona, model: ScriptedModel) -> None:
    model.answers(ask("poet", "Rhyme."))
    held = model.holds(text("Rain, again.", chunks=["Rain, ", "again."]), after=1)
    model.answers("Here: Rain, again.")
    with alice.stream("Do it.", agent_type="lead", params=WITH_DELEGATES) as stream:
        piece = stream.until("delegate.delta")
        assert (piece.id, piece.data["run"], piece.data["agent"], piece.data["text"]) == ("", "0.1", "poet", "Rain, ")
        task_id = piece.data["task_id"]
        with alice.events(task_id, params=WITH_DELEGATES) as late, alice.events(task_id) as plain:
            late.until("delegate.started"), plain.until("delegate.started")
            held.release()
            assert [event.data["text"] for event in late.events if event.name == "delegate.delta"] == ["again."]
            assert "delegate.delta" not in plain.names
        assert [event.data["text"] for event in stream.events if event.name == "delegate.delta"] == ["again."]
        assert stream.text == "Here: Rain, again."


def test_delegates_are_watched_in_a_stream_alone(alice: Persona) -> None:
    for params in (WITH_DELEGATES, {"include": "steps"}):
        answer = alice.post("/agent/execute", json={"task": "Do it."}, params=params)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "include")


@pytest.mark.usefixtures("lead", "worker")
def test_a_background_tasks_delegates_are_heard_from_its_worker(alice: Persona, model: ScriptedModel) -> None:
    held = model.holds(tool_calls(ask("poet", "Rhyme.")))
    model.when("You are poet", "Rain, again.")
    model.answers("Here.")
    task_id = alice.execute("Do it.", agent_type="lead", async_execution=True).json()["task_id"]
    with alice.events(task_id, params=WITH_DELEGATES) as stream:
        stream.until("step.started")
        held.release()
        told = [event.data["text"] for event in stream.events if event.name == "delegate.delta"]
    assert "".join(told) == "Rain, again."


@pytest.mark.usefixtures("lead")
def test_the_tree_is_seen_in_the_events(alice: Persona, model: ScriptedModel) -> None:
    model.when("You are poet", "Rain, again.")
    model.answers(ask("poet", "Rhyme."), "Here: Rain, again.")
    with alice.stream("Do it.", agent_type="lead") as stream:
        told = [(event.name, event.data["run"], event.data["agent"]) for event in stream.events]
        started, finished = (
            next(ev for ev in stream.events if ev.name == f"delegate.{end}") for end in ("started", "finished")
        )
    assert [each for each in told if each[0] != "text.delta"] == [
        ("task.started", "0", "lead"),
        ("step.started", "0", "lead"),
        ("delegate.started", "0", "lead"),
        ("step.started", "0.1", "poet"),
        ("delegate.finished", "0", "lead"),
        ("step.started", "0", "lead"),
        ("task.completed", "0", "lead"),
    ]
    child = {"child": "0.1", "delegate": "poet"}
    assert started.data.items() >= {**child, "task": "Rhyme.", "purpose": "ask"}.items()
    assert started.data["call_id"]
    assert finished.data.items() >= {**child, "output": "Rain, again.", "is_error": False}.items()
    assert stream.text == "Here: Rain, again."


@pytest.mark.usefixtures("lead")
def test_the_tree_is_seen_in_the_journal(alice: Persona, model: ScriptedModel) -> None:
    model.when("You are poet", "Rain, again.")
    model.answers(ask("poet", "Rhyme."), "Here: Rain, again.")
    task_id = alice.execute("Do it.", agent_type="lead").json()["task_id"]
    steps = alice.status(task_id, include="steps").json()["steps"]
    assert [(step["type"], step.get("run"), step.get("agent")) for step in steps] == [
        ("TaskAccepted", None, None),
        ("AttemptStarted", None, None),
        ("ModelCalled", "0", "lead"),
        ("ModelAnswered", "0", "lead"),
        ("DelegateStarted", "0", "lead"),
        ("ModelCalled", "0.1", "poet"),
        ("ModelAnswered", "0.1", "poet"),
        ("DelegateFinished", "0", "lead"),
        ("ModelCalled", "0", "lead"),
        ("ModelAnswered", "0", "lead"),
        ("TaskEnded", None, None),
    ]


def test_a_conversation_is_handed_over(alice: Persona, model: ScriptedModel, publish: Publish) -> None:
    publish("front", handoffs=["sales"])
    publish("sales", handoffs=["front"])
    model.answers(tool_call("hand_over_to_sales", reason="A price is asked for."), "It costs 42.")
    with alice.stream("What does it cost?", agent_type="front") as stream:
        task = stream.events[-1].data["task"]
        told = [(event.name, event.data["run"], event.data["agent"]) for event in stream.events]
    assert (task["result"], task["agent_type"]) == ("It costs 42.", "front")
    assert [agent for name, run, agent in told if name == "step.started" and run == "0"] == ["front", "sales"]
    assert stream.text == "It costs 42."
    system, request, asked, heard = model.requests[-1].messages
    assert (system["content"], request["content"]) == ("You are sales.", "What does it cost?")
    assert asked["tool_calls"][0]["function"]["name"] == "hand_over_to_sales"
    assert heard["content"] == "sales goes on from here."
    journal = alice.status(task["task_id"], include="steps").json()["steps"]
    [handed_over] = [step for step in journal if step["type"] == "HandedOver"]
    assert handed_over["data"]["reason"] == "A price is asked for."


def test_the_editor_revises_what_its_critic_objects_to(alice: Persona, model: ScriptedModel) -> None:
    model.answers("A long text.", OBJECTION, "A text.", APPROVAL)
    with alice.stream("Write.", agent_type="editor") as stream:
        task = stream.events[-1].data["task"]
        purposes = [
            (event.data["run"], event.data["agent"], event.data["purpose"])
            for event in stream.events
            if event.name == "step.started"
        ]
    assert task["result"] == "A text."
    assert purposes == [
        ("0", "editor", "answer"),
        ("0.1", "critic", "review"),
        ("0", "editor", "revise"),
        ("0.2", "critic", "review"),
    ]
    assert model.requests[1].body["response_format"]["json_schema"]["schema"]["required"] == ["approved", "remarks"]
    assert "Text:\nA long text." in model.requests[1].messages[1]["content"]
    assert model.requests[2].messages[-1] == {"role": "user", "content": "Shorter."}


BEFORE_THE_TEXT: dict[str, tuple[str, tuple[Any, ...]]] = {
    "answer": ("general", ()),
    "plan": ("research", ('["What is it?"]', "A number.")),
    "route": ("auto", ("writer",)),
    "ask": ("lead", (ask("poet", "Count."), "Five.")),
    "hand over": ("front", (tool_call("hand_over_to_poet"),)),
}


@pytest.fixture
def everyone(publish: Publish, lead: None) -> None:
    publish("front", handoffs=["poet"])


@pytest.mark.usefixtures("everyone")
@pytest.mark.parametrize("way", BEFORE_THE_TEXT)
def test_the_schema_is_enforced_whatever_the_strategy(alice: Persona, model: ScriptedModel, way: str) -> None:
    agent_type, before = BEFORE_THE_TEXT[way]
    model.answers(*before, "Five.", {"n": "five"}, {"n": 5})
    task = alice.execute("How many?", agent_type=agent_type, output_schema=SCHEMA).json()
    assert task["result"] == {"n": 5}
    assert task["usage"]["model_calls"] == len(before) + 3
    assert model.requests[-1].body["response_format"]["json_schema"]["schema"] == SCHEMA


@pytest.mark.usefixtures("everyone")
@pytest.mark.parametrize("way", BEFORE_THE_TEXT)
def test_repairs_are_bounded_whatever_the_strategy(alice: Persona, model: ScriptedModel, way: str) -> None:
    agent_type, before = BEFORE_THE_TEXT[way]
    model.answers(*before, *["Five."] * 9)
    answer = alice.execute("How many?", agent_type=agent_type, output_schema=SCHEMA)
    assert (answer.status_code, answer.json()["code"]) == (502, "output_invalid")
    task = answer.json()["task"]
    assert (task["status"], task["exit_reason"]) == ("failed", "output_invalid")
    assert task["usage"]["model_calls"] == len(before) + 3


def test_a_reviewed_text_is_mended_and_mending_is_bounded(alice: Persona, model: ScriptedModel) -> None:
    model.answers("Five.", OBJECTION, "5", APPROVAL, {"n": 5})
    assert alice.execute("How many?", agent_type="editor", output_schema=SCHEMA).json()["result"] == {"n": 5}
    model.answers("Five.", APPROVAL, *["Five."] * 9)
    answer = alice.execute("How many eggs?", agent_type="editor", output_schema=SCHEMA)
    assert answer.json()["code"] == "output_invalid"
    assert answer.json()["task"]["usage"]["model_calls"] == 4


def answered(run: str, step: int, *calls: ToolCall, text: str = "") -> list[e.Event]:
    """A model call of a run and its answer, as a worker wrote them down."""
    return [
        e.ModelCalled(run=run, step=step, purpose="answer", model="gpt-5-mini"),
        e.ModelAnswered(
            run=run, step=step, purpose="answer", model="gpt-5-mini", text=text, tool_calls=calls, usage=Usage(5, 5),
            cost_usd=Decimal("0.0005"),
        ),
    ]  # fmt: skip


@pytest.mark.usefixtures("lead")
def test_after_a_crash_delegates_go_on_where_they_were(alice: Persona, model: ScriptedModel) -> None:
    task_id = queued(alice, "Do it.", agent_type="lead")
    claim = lifecycle.claim(UUID(task_id))
    assert claim is not None
    calls = [ToolCall(id=name, name="ask_poet", arguments=json.dumps({"task": name})) for name in ("one", "two")]
    child = {"run": "0", "agent": "poet", "purpose": "ask"}
    journal = [
        e.AttemptStarted(attempt=1),
        *answered("0", 1, *calls),
        *(e.DelegateStarted(child=f"0.{n}", task=call.id, call_id=call.id, **child) for n, call in enumerate(calls, 1)),  # type: ignore[arg-type]
        *answered("0.1", 1, text="First."),
        e.DelegateFinished(run="0", child="0.1", agent="poet", output="First."),
        e.ModelCalled(run="0.2", step=1, purpose="answer", model="gpt-5-mini"),
    ]
    lifecycle.append(claim.holder, journal)
    abandon(task_id)
    assert sweeper.sweep()["taken_over"] == 1
    model.answers("Second.", "Both.")
    run_task(task_id)
    assert alice.status(task_id).json()["result"] == "Both."
    assert len(model.requests) == 2, "what the first delegate said is not asked for again"
    heard = [message["content"] for message in model.requests[-1].messages if message["role"] == "tool"]
    assert heard == ["First.", "Second."]
    steps = alice.status(task_id, include="steps").json()["steps"]
    assert [step["type"] for step in steps].count("DelegateStarted") == 2


def test_after_a_crash_the_agent_that_took_over_goes_on(alice: Persona, model: ScriptedModel, publish: Publish) -> None:
    publish("front", handoffs=["sales"])
    publish("sales")
    task_id = queued(alice, "What does it cost?", agent_type="front")
    claim = lifecycle.claim(UUID(task_id))
    assert claim is not None
    call = ToolCall(id="c1", name="hand_over_to_sales", arguments="{}")
    over = e.HandedOver(run="0", agent="sales", call_id="c1")
    lifecycle.append(claim.holder, [e.AttemptStarted(attempt=1), *answered("0", 1, call), over])
    abandon(task_id)
    sweeper.sweep()
    model.answers("It costs 42.")
    run_task(task_id)
    assert alice.status(task_id).json()["result"] == "It costs 42."
    assert model.requests[0].messages[0]["content"] == "You are sales."
    assert model.requests[0].messages[-1]["role"] == "tool"
