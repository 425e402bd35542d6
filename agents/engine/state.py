"""The state of a task, and `evolve`, which folds events into it. Nothing else makes state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from agents.engine import events as e
from agents.engine.history import NOTHING, History
from agents.engine.tries import Tries
from agents.engine.types import AgentSpec, Message, RunLimits, TaskInput, ToolCall, Usage

PRELIMINARY = ("plan", "route", "summarise")
"""Purposes of calls whose answer is for the engine itself, and no part of what is said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, and what it was asked for."""

    purpose: str
    text: str
    tool_calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class OpenTool:
    """A call that has not returned. `unsafe_since` is the attempt in which it began, when it may not begin twice."""

    call: ToolCall
    unsafe_since: int | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One agent at work: the root, or a delegate."""

    id: str
    agent: str
    task: str
    turns: tuple[Message, ...] = ()
    preliminary_turns: int = 0
    answer: Answer | None = None
    step: int = 0
    open_tools: tuple[OpenTool, ...] = ()
    tries: Tries = Tries()  # noqa: RUF009  # frozen
    failed_tools: int = 0
    repairs: int = 0
    children: Mapping[str, str | None] | None = None
    is_open_step: bool = False
    open_call: e.ModelCalled | None = None
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a task."""

    input: TaskInput
    limits: RunLimits
    team: Mapping[str, AgentSpec]
    runs: Mapping[str, Run]
    history: History = NOTHING  # frozen
    usage: Usage = Usage()  # noqa: RUF009  # frozen
    cost_usd: Decimal = Decimal(0)
    model: str = ""
    model_calls: int = 0
    tool_calls: int = 0
    is_cancel_requested: bool = False
    model_failure: str = ""
    attempt: int = 0
    ended: e.TaskEnded | None = None

    @property
    def root(self) -> Run:
        return self.runs[e.ROOT]

    @property
    def open_calls(self) -> tuple[e.ModelCalled, ...]:
        """The model calls whose end nobody has told yet."""
        return tuple(run.open_call for run in self.runs.values() if run.open_call)

    @property
    def waits_for_people(self) -> bool:
        """Whether something is open that only a person can settle."""
        return any(tool.is_unknown for run in self.runs.values() for tool in run.open_tools)


def start(accepted: e.TaskAccepted, team: Mapping[str, AgentSpec]) -> State:
    """The state right after acceptance. `team` holds the agents whose version ids the event names."""
    root = Run(id=e.ROOT, agent=accepted.agent, task=accepted.input.task)
    return State(input=accepted.input, limits=accepted.limits, team=team, runs={e.ROOT: root})


def fold(journal: Iterable[e.Event], team: Mapping[str, AgentSpec]) -> State:
    """The state after a whole journal, which begins with TaskAccepted."""
    iterator = iter(journal)
    accepted = next(iterator)
    if not isinstance(accepted, e.TaskAccepted):
        raise TypeError("A journal begins with TaskAccepted.")
    state = start(accepted, team)
    for event in iterator:
        state = evolve(state, event)
    return state


def evolve(state: State, event: e.Event) -> State:
    """The state after one more event. The end is final: what comes after it changes nothing."""
    if state.ended:
        return state
    if isinstance(event, e.ConversationRead | e.ConversationTrimmed | e.ConversationSummarised):
        return _with_history(state, event)
    return _evolved(state, event)


def _evolved(state: State, event: e.Event) -> State:
    match event:
        case e.ModelCalled():
            run = state.runs[event.run]
            return _with(state, replace(run, step=event.step, is_open_step=True, open_call=event))
        case e.ModelAnswered():
            return _answered(state, event)
        case e.ModelFailed():
            run = state.runs[event.run]
            tries = run.tries.failed(state.team[run.agent], event)
            state = replace(state, model_failure=event.message, cost_usd=state.cost_usd + event.cost_usd)
            return _with(state, replace(run, tries=tries, open_call=None))
        case e.ModelAbandoned():
            state = replace(state, cost_usd=state.cost_usd + event.cost_usd)
            return _with(state, replace(state.runs[event.run], open_call=None))
        case e.AttemptStarted():
            return replace(state, attempt=event.attempt)
        case e.ToolCalled() | e.ToolReturned() | e.OutcomeUnknown() | e.OutcomeResolved():
            return _with_tools(state, event)
        case e.DelegateStarted():
            run = state.runs[event.run]
            parent = replace(run, children={**(run.children or {}), event.child: None})
            return _with(_with(state, parent), Run(id=event.child, agent=event.agent, task=event.task))
        case e.DelegateFinished():
            run = state.runs[event.run]
            child = replace(state.runs[event.child], is_done=True)
            return _with(
                _with(state, replace(run, children={**(run.children or {}), event.child: event.output})), child
            )
        case e.HandedOver():
            run = replace(state.runs[event.run], agent=event.agent, answer=None, turns=(), preliminary_turns=0)
            return _with(state, replace(run, tries=Tries()))
        case e.CancelRequested():
            return replace(state, is_cancel_requested=True)
        case e.TaskEnded():
            return replace(state, ended=event)
        case _:
            return state


def _with(state: State, run: Run) -> State:
    return replace(state, runs={**state.runs, run.id: run})


def _with_history(state: State, event: e.ConversationRead | e.ConversationTrimmed | e.ConversationSummarised) -> State:
    match event:
        case e.ConversationRead():
            return replace(state, history=History(event.turns, event.summary, event.summarised))
        case e.ConversationTrimmed():
            return replace(state, history=state.history.without(event.until, event.summary_bytes))
        case e.ConversationSummarised():
            state = replace(state, history=state.history.summarised_as(event.summary, event.until))
            run = replace(state.root, answer=None, turns=(), preliminary_turns=0)
            return _with(state, replace(run, tries=run.tries if event.summary else Tries()))


def _with_tools(state: State, event: e.ToolCalled | e.ToolReturned | e.OutcomeUnknown | e.OutcomeResolved) -> State:
    match event:
        case e.ToolCalled():
            begun = {"unsafe_since": state.attempt} if event.effect == "unsafe" else {}
            return replace(_with_tool(state, event.run, event.call.id, **begun), tool_calls=state.tool_calls + 1)
        case e.ToolReturned():
            return _returned(state, event)
        case e.OutcomeUnknown():
            return _with_tool(state, event.run, event.call.id, is_unknown=True)
        case e.OutcomeResolved():
            return _with_tool(state, event.run, event.call_id, is_unknown=False, unsafe_since=None)


def _with_tool(state: State, run_id: str, call_id: str, **changes: Any) -> State:
    run = state.runs[run_id]
    tools = (replace(tool, **changes) if tool.call.id == call_id else tool for tool in run.open_tools)
    return _with(state, replace(run, open_tools=tuple(tools)))


def _answered(state: State, event: e.ModelAnswered) -> State:
    run = state.runs[event.run]
    is_preliminary = event.purpose in PRELIMINARY
    # These are made without tools; a model that calls one all the same is not heard.
    calls = () if is_preliminary else _distinct(event.tool_calls)
    run = replace(
        run,
        turns=(*run.turns, Message("assistant", event.text, calls)),
        preliminary_turns=run.preliminary_turns + is_preliminary,
        answer=Answer(event.purpose, event.text, calls),
        open_tools=tuple(map(OpenTool, calls)),
        repairs=run.repairs + (1 if event.purpose == "repair" else 0),
        tries=run.tries.answered(),
        is_open_step=False,
        open_call=None,
    )
    return replace(
        _with(state, run),
        usage=state.usage + event.usage,
        cost_usd=state.cost_usd + event.cost_usd,
        model=event.model if event.run == e.ROOT else state.model or event.model,
        model_calls=state.model_calls + 1,
    )


def _distinct(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """The same calls, each with an id of its own: some providers give all of them one, or none."""
    told_apart: dict[str, ToolCall] = {}
    for number, call in enumerate(calls, 1):
        call_id = call.id
        while call_id in told_apart:
            call_id = f"{call_id}-{number}"
        told_apart[call_id] = replace(call, id=call_id)
    return tuple(told_apart.values())


def _returned(state: State, event: e.ToolReturned) -> State:
    run = state.runs[event.run]
    heard = Message("tool", event.output, tool_call_id=event.call_id)
    return _with(
        state,
        replace(
            run,
            turns=(*run.turns, heard),
            open_tools=tuple(tool for tool in run.open_tools if tool.call.id != event.call_id),
            failed_tools=run.failed_tools + 1 if event.is_error else 0,
        ),
    )
