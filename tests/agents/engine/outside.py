"""The world outside the engine, for tests: a team, a task, and a runner without clock, network or database.

It performs effects as the real one does: records at once, calls announced before they are made, one finished at a time.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from agents.engine import events as e
from agents.engine.budget import cost
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Outside, Record
from agents.engine.state import State, evolve, fold
from agents.engine.types import AgentSpec, Function, Price, RunLimits, TaskInput, ToolCall, Usage

MANY_EVENTS = 2000
PRICE = Price(Decimal(1), Decimal(10))
FEW_TOKENS = Usage(10, 5)

Kind = TypeVar("Kind", bound=e.Event)
Reply = str | e.ModelFailed | Sequence[ToolCall]
Respond = Callable[[Outside], e.Event]


def agent(slug: str, **fields: Any) -> AgentSpec:
    """A published agent; its version's id is made from its name."""
    plain = {"description": f"Does {slug}.", "instructions": f"You are {slug}.", "model": "model-1", "price": PRICE}
    asks = fields.get("approval_tools", ())
    functions = tuple(
        Function(name, f"Does {name}.", {"type": "object"}, 300, needs_approval=name in asks)
        for name in fields.get("tools", ())
    )
    made = {**plain, "functions": functions, **fields}
    return AgentSpec(slug=slug, version=1, version_id=sum(slug.encode()), **made)


def team(*agents: AgentSpec) -> dict[str, AgentSpec]:
    return {each.slug: each for each in agents}


def accepted(
    lead: str,
    members: dict[str, AgentSpec],
    task: str = "What is it?",
    *,
    context: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    **limits: Any,
) -> e.TaskAccepted:
    """A task's first event."""
    caps = {"max_cost_usd": Decimal(10), "max_output_tokens": 100, "max_steps": 12, "timeout_seconds": 60, **limits}
    return e.TaskAccepted(
        agent=lead,
        team={slug: member.version_id for slug, member in members.items()},
        input=TaskInput(task, context or {}, output_schema),
        limits=RunLimits(**caps),
    )


def answered(call: CallModel, reply: Reply, usage: Usage = FEW_TOKENS) -> e.Event:
    """What a model's reply is in the journal: text, tool calls, or the failure itself."""
    if isinstance(reply, e.ModelFailed):
        return reply
    text, tool_calls = (reply, ()) if isinstance(reply, str) else ("", tuple(reply))
    return e.ModelAnswered(
        run=call.run,
        step=call.step,
        purpose=call.purpose,
        model="model-1-2026",
        text=text,
        tool_calls=tool_calls,
        usage=usage,
        cost_usd=cost(call.model.price, usage),
    )


def failed(call: CallModel, *, is_retryable: bool = True, retry_after: float | None = None) -> e.ModelFailed:
    """A failure of the provider."""
    return e.ModelFailed(
        run=call.run,
        step=call.step,
        purpose=call.purpose,
        message="Away.",
        is_retryable=is_retryable,
        model=call.model.name,
        retry_after_seconds=retry_after,
    )


def returned(call: CallTool, output: str = "42", *, is_error: bool = False) -> e.ToolReturned:
    return e.ToolReturned(
        run=call.run, step=call.step, call_id=call.call.id, tool=call.call.name, output=output, is_error=is_error
    )


@dataclass
class Story:
    """A task on its way: its journal, the state that follows from it, and every call that was made."""

    members: dict[str, AgentSpec]
    journal: list[e.Event]
    calls: list[Outside] = field(default_factory=list)
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = fold(self.journal, self.members)

    def append(self, event: e.Event) -> None:
        self.journal.append(event)
        self.state = evolve(self.state, event)

    @property
    def open_approvals(self) -> list[str]:
        return [approval_id for approval_id, asked in self.state.approvals.items() if not asked.decision]

    def answer(self, approval_id: str, decision: e.Decision, comment: str = "") -> None:
        """A person's answer, or what silence means."""
        run = self.state.approvals[approval_id].run
        self.append(
            e.ApprovalAnswered(run=run, approval_id=approval_id, decision=decision, by="client", comment=comment)
        )

    def run(
        self,
        respond: Respond,
        *,
        choose: Callable[[int], int] = lambda _: 0,
        before: Callable[["Story", Sequence[Outside]], None] | None = None,
        decision: Callable[[], e.Decision] = lambda: "approve",
    ) -> "Story":
        """Go on to the end. `choose` says which of several calls under way is done next; `before` looks at them first.

        People answer what they are asked by `decision`, each at a moment that `choose` picks among all that may happen next.
        """
        under_way: dict[tuple[str, ...], Outside] = {}
        while not self.state.ended:
            assert len(self.journal) < MANY_EVENTS, "the task does not end"
            effects = decide(self.state)
            if records := [effect.event for effect in effects if isinstance(effect, Record)]:
                for event in records:
                    self.append(event)
                continue
            wanted = {effect.key: effect for effect in effects if isinstance(effect, CallModel | CallTool)}
            assert len(wanted) == len(effects), "two effects cannot be told apart"
            asked = self.open_approvals
            assert wanted or asked, "nothing is under way, and nothing is left to do"
            for key, effect in wanted.items():
                if key not in under_way:
                    self._announce(effect)
            under_way = wanted
            if before:
                before(self, list(under_way.values()))
                if self.state.is_cancel_requested:
                    continue
            happens = choose(len(under_way) + len(asked))
            if happens < len(under_way):
                self.append(respond(under_way.pop(list(under_way)[happens])))
            else:
                self.answer(asked[happens - len(under_way)], decision())
        return self

    def _announce(self, effect: Outside) -> None:
        self.calls.append(effect)
        if isinstance(effect, CallModel):
            self.append(
                e.ModelCalled(run=effect.run, step=effect.step, purpose=effect.purpose, model=effect.model.name)
            )
        else:
            self.append(e.ToolCalled(run=effect.run, step=effect.step, call=effect.call))

    @property
    def ended(self) -> e.TaskEnded:
        assert self.state.ended
        return self.state.ended

    @property
    def model_calls(self) -> list[CallModel]:
        return [call for call in self.calls if isinstance(call, CallModel)]

    def told(self) -> list[tuple[str, str, str]]:
        """The model calls in short: run, agent, purpose."""
        return [(call.run, call.agent.slug, call.purpose) for call in self.model_calls]

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.journal if isinstance(event, kind)]


def scripted(*replies: Reply | Callable[[CallModel], Reply], tool: Callable[[CallTool], e.Event] = returned) -> Respond:
    """A model that gives these replies in turn, and a tool that always answers."""
    left = iter(replies)

    def respond(effect: Outside) -> e.Event:
        if isinstance(effect, CallTool):
            return tool(effect)
        reply = next(left)
        return answered(effect, reply(effect) if callable(reply) else reply)

    return respond


def story(
    opening: e.TaskAccepted, members: dict[str, AgentSpec], *replies: Reply | Callable[[CallModel], Reply]
) -> Story:
    """A task from its beginning to its end, with a model that gives these replies in turn."""
    return Story(members, [opening]).run(scripted(*replies))


def through_json(journal: Iterable[e.Event]) -> list[e.Event]:
    """The events as they come back from a store."""
    rows = [(type(event).__name__, json.dumps(e.to_json(event))) for event in journal]
    return [e.from_json(kind, json.loads(data)) for kind, data in rows]


def call(name: str = "calculator", arguments: str = '{"expression": "6*7"}', call_id: str = "c1") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def ask(slug: str, task: str = "Do it.", call_id: str = "c1") -> ToolCall:
    """A model's call of another agent."""
    return ToolCall(call_id, f"ask_{slug}", json.dumps({"task": task}))


def hand_over(slug: str, reason: str = "It knows better.", call_id: str = "c1") -> ToolCall:
    """A model's wish that another agent goes on."""
    return ToolCall(call_id, f"hand_over_to_{slug}", json.dumps({"reason": reason}))
