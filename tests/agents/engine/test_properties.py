"""Whatever models, tools and people do, at whatever moment: the promises of the engine."""

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.engine import events as e
from agents.engine.budget import worst_case
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Outside
from agents.engine.state import evolve, fold
from agents.engine.tree import MAX_CHILDREN, MAX_DEPTH, MAX_HAND_OVERS, MAX_RUNS
from agents.engine.types import AgentSpec, Message, Model, Price, ToolCall, Usage
from tests.agents.engine.outside import (
    MANY_EVENTS,
    Reply,
    Story,
    accepted,
    agent,
    answered,
    failed,
    returned,
    team,
    through_json,
)

SLUGS = ("general", "analyst", "research", "auto")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PLANS = (
    json.dumps(["What is a hen?", "What is an egg?"]),
    json.dumps({"questions": ["Where does it lie?"] * 3}),
    "1. What is a hen?\n2. What is an egg?\n3. Which was first?\n4. Who asks?\n5. Why?",
)
TEXTS = (
    *PLANS,
    "Yes.",
    "",
    "auto or analyst",
    '{"n": 1}',
    '{"n": "one"}',
    '```json\n{"n": 2}\n```',
    "[1",
    "null",
    "NaN",
)
CRITIQUES = ('{"approved": false, "remarks": "Shorter."}', '{"approved": true, "remarks": ""}', '{"approved": false}')
FALLBACKS = ((), (Model("model-2", Price(Decimal(2), Decimal(20))),), (Model("model-2"), Model("model-3")))
MAX_TRIES = 2
MOST_TRIES = MAX_TRIES * (1 + max(map(len, FALLBACKS)))
ARGUMENTS = (
    '{"expression": "1+1"}',
    *['{"task": "Do it.", "reason": "I cannot."}'] * 5,
    "{",
    "",
    "[]",
    "null",
    '{"expression": {"deep": [1]}}',
)

promises = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])

slugs = st.lists(st.sampled_from(SLUGS), max_size=3, unique=True).map(tuple)


@st.composite
def teams(draw: st.DrawFn) -> dict[str, AgentSpec]:
    """Agents of every strategy, with delegates and hand-overs that may be none, themselves, or each other."""
    return team(
        *(
            agent(
                slug,
                strategy=draw(st.sampled_from(("answer", "plan", "route", "review"))),
                tools=draw(st.sampled_from(((), ("calculator",)))),
                approval=draw(st.sampled_from(("none", "none", "start", "result"))),
                approval_tools=draw(st.sampled_from(((), ("calculator",)))),
                delegates=draw(slugs),
                handoffs=draw(slugs),
                fallbacks=draw(st.sampled_from(FALLBACKS)),
                max_tries=MAX_TRIES,
            )
            for slug in SLUGS
        )
    )


@st.composite
def openings(draw: st.DrawFn) -> tuple[e.TaskAccepted, dict[str, AgentSpec]]:
    members = draw(teams())
    opening = accepted(
        draw(st.sampled_from(SLUGS)),
        members,
        context=draw(st.sampled_from(({}, {"a": ["ü", 1, None, 0.5]}))),
        output_schema=draw(st.sampled_from((None, SCHEMA))),
        max_steps=draw(st.integers(1, 60)),
        max_cost_usd=draw(st.just(Decimal(10)) | st.decimals(Decimal("0.002"), Decimal("0.02"), places=4)),
    )
    return opening, members


class Chance:
    """Models and tools that do anything that they can, never beyond what a call may cost at worst.

    Some like to call: else few trees would come to their caps.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.calling, self.most_calls = random.choice(((0.35, 3), (0.8, 10)))

    def __call__(self, effect: Outside) -> e.Event:
        if isinstance(effect, CallTool):
            return returned(effect, self.random.choice(("42", "", "x" * 300)), is_error=self.random.random() < 0.4)
        return answered(effect, self._reply(effect), self._usage(effect))

    def choose(self, count: int) -> int:
        return self.random.randrange(count)

    def decision(self) -> e.Decision:
        return self.random.choice(("approve", "approve", "approve", "reject", "reject", "expire"))

    def _reply(self, effect: CallModel) -> Reply:
        chance = self.random.random()
        if chance < 0.1:
            seconds = self.random.choice((None, 0.0, 2.5, 100.0))
            return failed(effect, is_retryable=self.random.random() < 0.9, retry_after=seconds)
        if chance < self.calling:
            return [self._tool_call() for _ in range(self.random.randint(1, self.most_calls))]
        fitting = {"plan": PLANS, "route": SLUGS, "review": CRITIQUES}.get(effect.purpose, TEXTS)
        return self.random.choice(fitting if chance < 0.85 else TEXTS)

    def _tool_call(self) -> ToolCall:
        pick = self.random.choice
        names = (pick(("calculator", "no_such_tool")), f"ask_{pick(SLUGS)}", f"hand_over_to_{pick(SLUGS)}")
        return ToolCall(pick(("call", "c1", "")), pick(names), pick(ARGUMENTS))

    def _usage(self, effect: CallModel) -> Usage:
        price = effect.model.price
        most_input = (worst_case(effect) * 1_000_000 - effect.max_output_tokens * price.output_usd) // (
            price.input_usd or 1
        )
        most = (int(most_input), effect.max_output_tokens)
        return Usage(*most) if self.random.random() < 0.3 else Usage(*map(self.random.randint, (0, 0), most))


def told(opening: e.TaskAccepted, members: dict[str, AgentSpec], random: Random, **options: Any) -> Story:
    chance = Chance(random)
    return Story(members, [opening]).run(chance, choose=chance.choose, decision=chance.decision, **options)


tasks = openings()
# Seeds, not hypothesis's own random numbers: those prefer the smallest, and no task would come far.
chances = st.integers(0, 2**32).map(Random)


@promises
@given(task=tasks, random=chances)
def test_every_task_ends_within_its_caps(task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random) -> None:
    limits = task[0].limits

    def check(story: Story, under_way: Sequence[Outside]) -> None:
        calls = [effect for effect in under_way if isinstance(effect, CallModel)]
        worst = story.state.cost_usd + sum(map(worst_case, calls), Decimal(0))
        assert story.state.model_calls + len(calls) <= limits.max_steps
        assert worst <= limits.max_cost_usd
        assert_the_tree_is_within_its_caps(story)

    story = told(*task, random, before=check)
    assert story.state.model_calls <= limits.max_steps
    assert len(story.model_calls) <= limits.max_steps * MOST_TRIES
    assert story.state.cost_usd <= limits.max_cost_usd
    assert (story.ended.status == "completed") == (story.ended.exit_reason == "completed")
    assert story.ended.status == "completed" or story.ended.message


def assert_the_tree_is_within_its_caps(story: Story) -> None:
    runs = story.state.runs
    assert len(runs) <= MAX_RUNS
    handed_over = Counter(event.run for event in story.journal if isinstance(event, e.HandedOver))
    assert max(handed_over.values(), default=0) <= MAX_HAND_OVERS
    for run in runs.values():
        assert run.id.count(".") <= MAX_DEPTH
        assert len(story.state.children(run)) <= MAX_CHILDREN
        assert [child.id for child in story.state.children(run)] == [
            f"{run.id}.{number}" for number in range(1, len(story.state.children(run)) + 1)
        ]
        waiting = [each.agent for each in runs.values() if not each.is_done and run.id.startswith(f"{each.id}.")]
        if run.purpose == "ask" and not run.is_done:
            assert run.agent not in waiting


def well_formed(messages: Sequence[Message]) -> bool:
    """As providers want it: the results of all calls right after them, and nothing else there."""
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            if not waiting or message.tool_call_id != waiting.pop(0):
                return False
        elif waiting:
            return False
        waiting = waiting or [call.id for call in message.tool_calls]
    return not waiting


@promises
@given(task=tasks, random=chances)
def test_every_model_reads_a_conversation_that_providers_take(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random
) -> None:
    for call in told(*task, random).model_calls:
        assert well_formed(call.messages)
        assert len({function.name for function in call.functions}) == len(call.functions)


@promises
@given(task=tasks, random=chances, moment=st.integers(0, 60))
def test_a_cancelled_task_is_cancelled_at_once(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random, moment: int
) -> None:
    def cancel(story: Story, _: object) -> None:
        if len(story.journal) >= moment:
            story.append(e.CancelRequested(by="client"))

    story = told(*task, random, before=cancel)
    if story.state.is_cancel_requested:
        assert story.ended.exit_reason == "cancelled"
        assert isinstance(story.journal[-2], e.CancelRequested)


@promises
@given(task=tasks, random=chances)
def test_past_its_deadline_a_task_ends_wherever_it_is(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random
) -> None:
    story = told(*task, random)
    state = fold(story.journal[:1], story.members)
    for event in story.journal[1:]:
        [late] = decide(state, is_past_deadline=True)
        assert late.event.exit_reason == "timed_out"  # type: ignore[union-attr]  # nothing else is decided then
        state = evolve(state, event)


@promises
@given(task=tasks, random=chances)
def test_the_end_absorbs_whatever_comes_after(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random
) -> None:
    story = told(*task, random)
    for event in story.journal[1:]:
        assert evolve(story.state, event) == story.state
    assert decide(story.state) == decide(story.state, is_past_deadline=True) == []


@promises
@given(task=tasks, random=chances)
def test_the_journal_alone_gives_the_state_and_the_state_the_next_step(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random
) -> None:
    story = told(*task, random)
    stored = through_json(story.journal)
    assert stored == story.journal
    state, resumed = (fold(journal[:1], story.members) for journal in (story.journal, stored))
    for event, read in zip(story.journal[1:], stored[1:], strict=True):
        state, resumed = evolve(state, event), evolve(resumed, read)
        assert resumed == state
        assert decide(resumed) == decide(state)
    assert fold(stored, story.members) == story.state


@promises
@given(task=tasks, random=chances, cut=st.integers(0, MANY_EVENTS))
def test_after_a_crash_no_recorded_call_is_made_again(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random, cut: int
) -> None:
    story = told(*task, random)
    kept = story.journal[: 1 + cut % len(story.journal)]
    done = {named(event) for event in kept if isinstance(event, e.ModelAnswered | e.ToolReturned)}
    chance = Chance(random)
    resumed = Story(story.members, through_json(kept))
    resumed.append(e.AttemptStarted(attempt=2))
    resumed.run(chance, choose=chance.choose, decision=chance.decision)
    again = {
        named(event) for event in resumed.journal[len(kept) :] if isinstance(event, e.ModelAnswered | e.ToolReturned)
    }
    assert resumed.journal[: len(kept)] == kept
    # An answer mended in its step is another call of that step; every other answer has a step of its own.
    assert not {name for name in done & again if name[0] != "repair"}
    assert resumed.state.model_calls <= story.state.limits.max_steps


@promises
@given(task=tasks, random=chances)
def test_nothing_is_done_that_a_person_did_not_agree_to(
    task: tuple[e.TaskAccepted, dict[str, AgentSpec]], random: Random
) -> None:
    story = told(*task, random)
    agreed: set[tuple[str, str, str]] = set()
    asked: dict[str, e.ApprovalRequested] = {}
    agents = {e.ROOT: story.journal[0].agent}  # type: ignore[attr-defined]  # it begins with TaskAccepted
    for event in story.journal:
        match event:
            case e.ApprovalRequested():
                assert event.approval_id == f"a{len(asked) + 1}"
                asked[event.approval_id] = event
            case e.ApprovalAnswered(approval_id=approval_id, decision="approve"):
                about = asked[approval_id]
                agreed.add((about.kind, about.run, f"{about.step} {about.call.id}" if about.call else about.agent))
            case e.DelegateStarted():
                agents[event.child] = event.agent
            case e.HandedOver():
                agents[event.run] = event.agent
            case e.ModelCalled() if story.members[agents[event.run]].approval == "start":
                assert ("start", event.run, agents[event.run]) in agreed
            case e.ToolCalled() if event.call.name == "calculator":
                member = story.members[agents[event.run]]
                if "calculator" in member.tools and member.approval_tools:
                    assert ("tool", event.run, f"{event.step} {event.call.id}") in agreed
            case e.DelegateFinished(is_error=False) if story.members[event.agent].approval == "result":
                assert ("result", event.child, event.agent) in agreed
            case e.TaskEnded(status="completed") if story.members[agents[e.ROOT]].approval == "result":
                assert ("result", e.ROOT, agents[e.ROOT]) in agreed


def named(event: e.ModelAnswered | e.ToolReturned) -> tuple[str, str, int, str]:
    if isinstance(event, e.ModelAnswered):
        return (event.purpose, event.run, event.step, "")
    return ("tool", event.run, event.step, event.call_id)
