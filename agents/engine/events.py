"""What can happen in a task, as facts. The journal keeps these; a change of shape gets a new version number.

`run` names the agent's run inside the task's tree: the root is "0", its delegates "0.1", "0.2", …
`step` counts the model calls of a run; a call made again keeps its step.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any, ClassVar, Literal

from agents.engine.types import OnTimeout, RunLimits, TaskInput, ToolCall, Turn, Usage

ROOT = "0"
Purpose = Literal["part", "ask", "review"]
ApprovalKind = Literal["tool", "start", "result"]
Decision = Literal["approve", "reject", "expire"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events; `version` changes with the fields."""

    version: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccepted(Event):
    """`team` maps the agent and every agent it may call to the ids of their versions, frozen from here on.

    `cache_key` names the answer in the response cache; empty when it may neither be read from there nor kept.
    `guard_mode` is that of the client's tier, in place of the agents' own; empty for these.
    `masking` says what of the client's is neither kept nor passed on; `input` is without it already.
    `traceparent`: where its trace was when it was accepted, in W3C's form; every run of it goes on from there.
    """

    agent: str
    team: Mapping[str, int]
    input: TaskInput
    limits: RunLimits
    cache_key: str = ""
    cache_seconds: int = 0
    may_read_cache: bool = False
    guard_mode: str = ""
    masking: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardNoted(Event):
    """The guard found something in what the client sent, and the agent's version lets it pass with a note."""

    rule: str
    score: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost(Event):
    """The process that ran the task went away."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptHandedOver(Event):
    """The process that ran the task was told to stop, and gave it back in time."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRead(Event):
    """What had been said before, as the task began to run: the turns after the `summarised` ones, which `summary` tells of."""

    turns: tuple[Turn, ...]
    summary: str = ""
    summarised: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTrimmed(Event):
    """The turns up to the number `until` do not fit any more, nor more than `summary_bytes` of the summary."""

    until: int
    summary_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummarised(Event):
    """A summary tells of all turns up to the number `until`. It is empty where none could be made: they are left out."""

    until: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalled(Event):
    """`reserved_usd` is what the call may cost at most; one of the next three settles it, at its `cost_usd`.

    `is_withheld`: its text is not told as it comes, because a person has to agree to it first.
    """

    run: str
    step: int
    purpose: str
    model: str
    reserved_usd: Decimal = Decimal(0)
    is_withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered(Event):
    """`guard_rule` is what the output guard found in the text. `is_blocked`: so it becomes no result, and is not told."""

    run: str
    step: int
    purpose: str
    model: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    cost_usd: Decimal
    reserved_usd: Decimal = Decimal(0)
    guard_rule: str = ""
    is_blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(Event):
    """`is_retryable`: the same model may answer yet, within the task's time; not before `retry_after_seconds`, if set.

    It costs nothing when the provider is known not to charge for it, and all that was reserved when nobody knows.
    `was_asked`: false where the call was not made, because the provider was left alone.
    """

    run: str
    step: int
    purpose: str
    message: str
    is_retryable: bool
    model: str = ""
    retry_after_seconds: float | None = None
    cost_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    was_asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAbandoned(Event):
    """Nobody waits for the call's end any more: it costs what was reserved, or nothing when it surely was not sent."""

    run: str
    step: int
    model: str
    is_sent: bool
    cost_usd: Decimal
    reserved_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Event):
    """`effect` is the tool's own word for what calling it twice means: pure, idempotent or unsafe."""

    run: str
    step: int
    call: ToolCall
    effect: str = "pure"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReturned(Event):
    """`is_refused`: nothing was tried, as a cap, the guard or a person did not allow it; that is no failure of the tool.

    `guard_rule` is what the guard found in the output, and `guard_score` how surely.
    """

    run: str
    step: int
    call_id: str
    tool: str
    output: str
    is_error: bool = False
    is_refused: bool = False
    guard_rule: str = ""
    guard_score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown(Event):
    """An unsafe call began, and nobody can tell whether it took effect; an operator has to."""

    run: str
    step: int
    call: ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResolved(Event):
    """An operator told what became of an unsafe call: `retry`, `done` (its ToolReturned follows) or `fail`."""

    run: str
    call_id: str
    decision: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(Event):
    """A person has to agree: to a `tool`'s `call`, to the `start` of the run, or to its `result`.

    `text` is what it is about: the call's arguments, the run's task, the text of the result. Without an answer for
    `timeout_seconds` it is rejected or approved, or the task fails, as `on_timeout` says.
    """

    run: str
    step: int
    approval_id: str
    kind: ApprovalKind
    agent: str
    text: str
    timeout_seconds: int
    on_timeout: OnTimeout
    call: ToolCall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAnswered(Event):
    """`by` is client, operator or timeout; the decision `expire` comes from the last alone, and fails the task."""

    run: str
    approval_id: str
    decision: Decision
    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateStarted(Event):
    """`purpose`: it answers a part of a plan, was asked by the model's call `call_id`, or reviews the run's text."""

    run: str
    child: str
    agent: str
    task: str
    purpose: Purpose = "part"
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateFinished(Event):
    run: str
    child: str
    agent: str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(Event):
    """The run goes on as another agent, with the same conversation; `call_id` is the model's call that wished it, if any."""

    run: str
    agent: str
    call_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAsked(Event):
    """The run's function asked for something: its call number `number`, in the order in which it makes them.

    `what` is for a `model`: messages, schema, max_output_tokens; for a `tool`: tool, arguments; for a `delegate`: agent, task;
    for a `step` of its own: name.
    """

    run: str
    number: int
    kind: Literal["model", "tool", "delegate", "step"]
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAnswered(Event):
    """What became of a call of the function that no other event tells of: a step's result, or models that all failed."""

    run: str
    number: int
    output: Any
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSpoke(Event):
    """The function begins to say what its result may begin with; the text itself is not journalled."""

    run: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReturned(Event):
    """The function's result. `continues`: what it said since CodeSpoke is the beginning of it, and stands.

    `is_withheld`: its text is not told yet, because a person has to agree to it first. `guard_rule` and `is_blocked`: as of
    ModelAnswered.
    """

    run: str
    step: int
    result: Any
    continues: bool = False
    is_withheld: bool = False
    guard_rule: str = ""
    is_blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFailed(Event):
    """The function gave up; `message` is for clients."""

    run: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Event):
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnded(Event):
    """`result` is text, or JSON that satisfies the output schema; `message` explains a failure to the client.

    An answer from the cache names the `model` that gave it. `guard_rule` is what a guard found in the result, or why there is
    none.
    """

    status: str
    exit_reason: str
    result: Any = None
    message: str = ""
    from_cache: bool = False
    model: str = ""
    guard_rule: str = ""


TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (TaskAccepted, GuardNoted, AttemptStarted, AttemptLost, AttemptHandedOver, ConversationRead,
                 ConversationTrimmed, ConversationSummarised, ModelCalled, ModelAnswered, ModelFailed,
                 ModelAbandoned, ToolCalled, ToolReturned, OutcomeUnknown, OutcomeResolved, ApprovalRequested,
                 ApprovalAnswered, DelegateStarted, DelegateFinished, HandedOver, CodeAsked, CodeAnswered, CodeSpoke,
                 CodeReturned, CodeFailed, CancelRequested, TaskEnded)
}  # fmt: skip


def to_json(event: Event) -> dict[str, Any]:
    """The event's fields as JSON values; money as text."""
    return {name: _plain(value) for name, value in asdict(event).items()}


def from_json(kind: str, data: Mapping[str, Any]) -> Event:
    """The event that `to_json` wrote. Raises KeyError for a type this version does not know."""
    event_type = TYPES[kind]
    parse: dict[str, Any] = {
        "input": lambda value: TaskInput(**value),
        "limits": lambda value: RunLimits(**{**value, "max_cost_usd": Decimal(value["max_cost_usd"])}),
        "usage": lambda value: Usage(**value),
        "cost_usd": Decimal,
        "reserved_usd": Decimal,
        "call": lambda value: None if value is None else ToolCall(**value),
        "tool_calls": lambda value: tuple(ToolCall(**call) for call in value),
        "turns": lambda value: tuple(Turn(**turn) for turn in value),
    }
    known = {field.name for field in fields(event_type)}
    return event_type(
        **{name: parse.get(name, lambda value: value)(value) for name, value in data.items() if name in known}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")  # str would write 0E-9
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
