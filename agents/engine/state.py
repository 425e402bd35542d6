"""The state of a task, and `evolve`, which folds events into it. Nothing else makes state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from agents.engine import events as e
from agents.engine import script
from agents.engine.history import NOTHING, History
from agents.engine.output import objections
from agents.engine.script import Asked, Heard, Script
from agents.engine.tries import Tries
from agents.engine.turns import distinct, with_answer, with_result
from agents.engine.types import AgentSpec, Message, RunLimits, TaskInput, ToolCall, Usage

PRELIMINARY = ("plan", "route", "summarise", "topic", "guard")
"""Purposes of calls whose answer is for the engine itself, and no part of what is said."""
JUDGING = ("topic", "guard")
"""Those that judge whether the run may begin."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, what it was asked for, and what the output guard found."""

    purpose: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    guard_rule: str = ""
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class OpenTool:
    """A call that has not returned; `child` is the delegate's run, when an agent was asked.

    `unsafe_since` is the attempt in which it began, when it may not begin twice. `approval_id`: a person was asked for it.
    """

    call: ToolCall
    child: str = ""
    unsafe_since: int | None = None
    is_unknown: bool = False
    approval_id: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person was asked; the decision is empty until there is one."""

    run: str
    kind: e.ApprovalKind
    timeout_seconds: int
    decision: Literal[""] | e.Decision = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One agent at work: the root, or a delegate with its `purpose`, and the `output` that it reported in the end.

    `turns` is the conversation after the task. Plans, routes and summaries are no part of it. `start_approval` and
    `result_approval` are the ids of what a person was asked of its agent's start, and of the text that it last wrote. An agent
    that is a function has a `script` in place of turns, and `code_ended` once it has returned or failed. `topic` is what a model
    said of its task's topic, once it was asked, and `opinion` what one said where the guard was in doubt.
    """

    id: str
    agent: str
    task: str
    purpose: Literal["answer"] | e.Purpose = "answer"
    call_id: str = ""
    output: str | None = None
    turns: tuple[Message, ...] = ()
    answer: Answer | None = None
    step: int = 0
    open_tools: tuple[OpenTool, ...] = ()
    tries: Tries = Tries()  # noqa: RUF009  # frozen
    failed_tools: int = 0
    repairs: int = 0
    reviews: int = 0
    is_approved: bool = False
    hand_overs: int = 0
    earlier_parts: int = 0
    is_open_step: bool = False
    open_call: e.ModelCalled | None = None
    start_approval: str = ""
    result_approval: str = ""
    script: Script = ()
    code_ended: e.CodeReturned | e.CodeFailed | None = None
    topic: str | None = None
    opinion: str | None = None

    @property
    def parent(self) -> str:
        """The run that waits for this one; empty for the root."""
        return self.id.rpartition(".")[0]

    @property
    def is_done(self) -> bool:
        return self.output is not None


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a task. `suspect` is the first result of a tool that reads like an attack and takes trust away."""

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
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    guard_mode: str = ""
    masking: str = ""
    noted: e.GuardNoted | None = None
    suspect: e.ToolReturned | None = None
    ended: e.TaskEnded | None = None

    @property
    def root(self) -> Run:
        return self.runs[e.ROOT]

    def children(self, run: Run, purpose: e.Purpose | None = None) -> tuple[Run, ...]:
        """The delegates that the run has started, for this purpose or for any, in order."""
        return tuple(each for each in self.runs.values() if each.parent == run.id and purpose in (None, each.purpose))

    @property
    def open_calls(self) -> tuple[e.ModelCalled, ...]:
        """The model calls whose end nobody has told yet."""
        return tuple(run.open_call for run in self.runs.values() if run.open_call)

    @property
    def waits_for_people(self) -> bool:
        """Whether something is open that only a person can settle."""
        is_unknown = any(tool.is_unknown for run in self.runs.values() for tool in run.open_tools)
        return is_unknown or self.answers < len(self.approvals)

    @property
    def answers(self) -> int:
        """How many of its approvals are answered."""
        return sum(bool(approval.decision) for approval in self.approvals.values())

    def guard_mode_of(self, run: Run) -> str:
        """What a finding of the guard means in a run: the tier's mode, or the agent's own."""
        return self.guard_mode or self.team[run.agent].guard_mode

    def tells_late(self, agent: AgentSpec) -> bool:
        """Whether what the agent's model writes is told once it is whole: only then can it be masked or held back."""
        return bool(self.masking) or agent.output_guard == "block"

    def schema_of(self, run: Run) -> Mapping[str, Any] | None:
        """What the run's result has to satisfy: at the root the client's schema, if there is one, else the agent's own."""
        if run.purpose == "review":
            return None  # a critique has a form of its own
        asked_for = self.input.output_schema if run.id == e.ROOT else None
        return self.team[run.agent].output_schema if asked_for is None else asked_for


def start(accepted: e.TaskAccepted, team: Mapping[str, AgentSpec]) -> State:
    """The state right after acceptance. `team` holds the agents whose version ids the event names."""
    root = Run(id=e.ROOT, agent=accepted.agent, task=accepted.input.task)
    return State(
        input=accepted.input,
        limits=accepted.limits,
        team=team,
        runs={e.ROOT: root},
        guard_mode=accepted.guard_mode,
        masking=accepted.masking,
    )


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
    if isinstance(event, e.CodeAsked | e.CodeAnswered | e.CodeSpoke | e.CodeReturned | e.CodeFailed):
        return _with(state, _with_code(state.runs[event.run], event))
    if isinstance(event, e.ModelCalled | e.ModelAnswered | e.ModelFailed | e.ModelAbandoned):
        return _with_model(state, event)
    return _evolved(state, event)


def _evolved(state: State, event: e.Event) -> State:
    match event:
        case e.GuardNoted():
            return replace(state, noted=event)
        case e.AttemptStarted():
            return replace(state, attempt=event.attempt)
        case e.ToolCalled() | e.ToolReturned() | e.OutcomeUnknown() | e.OutcomeResolved():
            return _with_tools(state, event)
        case e.ApprovalRequested() | e.ApprovalAnswered():
            return _with_approval(state, event)
        case e.DelegateStarted() | e.DelegateFinished():
            return _with_delegate(state, event)
        case e.HandedOver():
            return _with(state, _handed_over(state, event))
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
            run = replace(state.root, answer=None)
            return _with(state, replace(run, tries=run.tries if event.summary else Tries()))


def _with_model(state: State, event: e.ModelCalled | e.ModelAnswered | e.ModelFailed | e.ModelAbandoned) -> State:
    run = state.runs[event.run]
    match event:
        case e.ModelCalled():
            return _with(state, replace(run, step=event.step, is_open_step=True, open_call=event))
        case e.ModelAnswered():
            return _answered(state, event)
        case e.ModelFailed(purpose="guard"):
            # Asked once: the text runs without that opinion.
            state = replace(state, cost_usd=state.cost_usd + event.cost_usd)
            return _with(state, replace(run, opinion="", is_open_step=False, open_call=None))
        case e.ModelFailed():
            tries = run.tries.failed(state.team[run.agent], event)
            state = replace(state, model_failure=event.message, cost_usd=state.cost_usd + event.cost_usd)
            return _with(state, replace(run, tries=tries, open_call=None))
        case e.ModelAbandoned():
            state = replace(state, cost_usd=state.cost_usd + event.cost_usd)
            return _with(state, replace(run, open_call=None))


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


def _with_approval(state: State, event: e.ApprovalRequested | e.ApprovalAnswered) -> State:
    match event:
        case e.ApprovalRequested(approval_id=approval_id, kind=kind, call=call):
            asked = Approval(event.run, kind, event.timeout_seconds)
            state = replace(state, approvals={**state.approvals, approval_id: asked})
            if call is not None:
                return _with_tool(state, event.run, call.id, approval_id=approval_id)
            run = state.runs[event.run]
            if kind == "start":
                return _with(state, replace(run, start_approval=approval_id))
            return _with(state, replace(run, result_approval=approval_id))
        case e.ApprovalAnswered(approval_id=approval_id):
            answered = replace(state.approvals[approval_id], decision=event.decision, comment=event.comment)
            return replace(state, approvals={**state.approvals, approval_id: answered})


def _with_delegate(state: State, event: e.DelegateStarted | e.DelegateFinished) -> State:
    run = state.runs[event.run]
    match event:
        case e.DelegateStarted(purpose=purpose, call_id=call_id):
            child = Run(id=event.child, agent=event.agent, task=event.task, purpose=purpose, call_id=call_id)
            state = _with(state, child)
            return _with_tool(state, run.id, call_id, child=child.id) if call_id else state
        case e.DelegateFinished(output=output):
            child = replace(state.runs[event.child], output=output)
            if child.purpose == "ask":
                run = _heard(run, child.call_id, output, is_error=event.is_error)
            elif child.purpose == "review":
                run = _reviewed(run, "" if event.is_error else objections(output))
            return _with(_with(state, child), run)


def _with_code(run: Run, event: e.CodeAsked | e.CodeAnswered | e.CodeSpoke | e.CodeReturned | e.CodeFailed) -> Run:
    match event:
        case e.CodeAsked():
            asked = Asked(event.number, event.kind, event.what)
            calls = (OpenTool(asked.call),) if event.kind in ("tool", "delegate") else ()
            return replace(run, script=(*run.script, asked), open_tools=(*run.open_tools, *calls))
        case e.CodeAnswered():
            heard = (*run.script, Heard(event.number, event.output, event.is_error))
            is_model = any(asked.number == event.number for asked in script.open_asks(run.script, "model"))
            run = replace(run, script=heard)
            # The next call begins with the agent's first model again.
            return replace(run, tries=Tries(), is_open_step=False) if is_model else run
        case e.CodeSpoke():
            return replace(run, step=event.step)
        case _:
            return replace(run, code_ended=event)


def _reviewed(run: Run, remarks: str) -> Run:
    """With what a critic wants changed as the next turn; nothing is left to do where that is empty."""
    turns = (*run.turns, Message("user", remarks)) if remarks else run.turns
    return replace(run, turns=turns, reviews=run.reviews + 1, is_approved=not remarks)


def _handed_over(state: State, event: e.HandedOver) -> Run:
    """The run as another agent begins it: with the conversation so far, and nothing of how far the one before had come."""
    run = state.runs[event.run]
    if event.call_id:
        run = _heard(run, event.call_id, f"{event.agent} goes on from here.")
    return replace(
        run,
        agent=event.agent,
        answer=None,
        open_tools=(),
        tries=Tries(),
        failed_tools=0,
        reviews=0,
        is_approved=False,
        start_approval="",
        result_approval="",
        topic=None,
        hand_overs=run.hand_overs + 1,
        earlier_parts=len(state.children(run, "part")),
    )


def _answered(state: State, event: e.ModelAnswered) -> State:
    run = state.runs[event.run]
    if event.purpose == "code":
        asked = script.open_asks(run.script, "model")[0]
        heard = (*run.script, Heard(asked.number, event.text))
        run = replace(run, script=heard, tries=run.tries.answered(), is_open_step=False, open_call=None)
        return _counted(_with(state, run), event)
    if event.purpose in JUDGING:
        is_topic = event.purpose == "topic"
        run = replace(run, topic=event.text) if is_topic else replace(run, opinion=event.text)
        run = replace(run, tries=run.tries.answered(), is_open_step=False, open_call=None)
        return replace(_counted(_with(state, run), event), model=state.model)
    is_preliminary = event.purpose in PRELIMINARY
    # These are made without tools; a model that calls one all the same is not heard.
    calls = () if is_preliminary else distinct(event.tool_calls)
    is_repair = event.purpose == "repair"
    run = replace(
        run,
        turns=run.turns if is_preliminary else with_answer(run.turns, event.text, calls, is_mended=is_repair),
        answer=Answer(event.purpose, event.text, calls, event.guard_rule, event.is_blocked),
        open_tools=tuple(map(OpenTool, calls)),
        repairs=run.repairs + is_repair,
        tries=run.tries.answered(),
        is_open_step=False,
        open_call=None,
        result_approval="",
    )
    return _counted(_with(state, run), event)


def _counted(state: State, event: e.ModelAnswered) -> State:
    return replace(
        state,
        usage=state.usage + event.usage,
        cost_usd=state.cost_usd + event.cost_usd,
        model=event.model if event.run == e.ROOT else state.model or event.model,
        model_calls=state.model_calls + 1,
    )


def _returned(state: State, event: e.ToolReturned) -> State:
    run = state.runs[event.run]
    if event.guard_rule and not state.suspect and state.guard_mode_of(run) == "block":
        state = replace(state, suspect=event)
    run = _heard(run, event.call_id, event.output, is_error=event.is_error)
    failed_tools = run.failed_tools + 1 if event.is_error else 0
    return _with(state, run if event.is_refused else replace(run, failed_tools=failed_tools))


def _heard(run: Run, call_id: str, output: str, *, is_error: bool = False) -> Run:
    run = replace(run, open_tools=tuple(tool for tool in run.open_tools if tool.call.id != call_id))
    if run.script:
        return replace(run, script=script.with_result(run.script, call_id, output, is_error=is_error))
    calls = run.answer.tool_calls if run.answer else ()
    return replace(run, turns=with_result(run.turns, calls, call_id, output))
