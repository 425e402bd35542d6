"""A task's tree as a timeline: who called whom, when and for how long, and what it took. Pure, from the journal's lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agents.engine import events as e

Line = tuple[datetime, e.Event]


@dataclass(slots=True)
class Span:
    """One piece of work: the task, a delegate, a call of a model or tool, or a wait for a person.

    `ended` is None while it lasts.
    """

    kind: str
    name: str
    depth: int
    started: datetime
    ended: datetime | None = None
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A span on the page: where its bar begins and how long it is, in per cent of the whole."""

    span: Span
    begin: float
    length: float
    seconds: float


def spans(lines: Iterable[Line]) -> list[Span]:
    """The pieces of work, in the order in which they began."""
    found: list[Span] = []
    opened: dict[str, Span] = {}
    for at, event in lines:
        if begun := _begun(event):
            key, kind, name, depth = begun
            opened[key] = Span(kind, name, depth, at)
            found.append(opened[key])
        elif (over := _over(event)) and (span := opened.pop(over, None)):
            span.ended, span.is_bad = at, _is_bad(event)
            span.cost_usd = getattr(event, "cost_usd", span.cost_usd)
            if isinstance(event, e.ModelAnswered):
                span.tokens = event.usage.input_tokens + event.usage.output_tokens
        if isinstance(event, e.TaskEnded):
            for span in opened.values():
                span.ended = at
    return found


def _begun(event: e.Event) -> tuple[str, str, str, int] | None:
    """Which piece of work an event begins: its key, kind, name and depth."""
    match event:
        case e.TaskAccepted():
            return "task", "task", event.agent, 0
        case e.DelegateStarted():
            return f"run {event.child}", "agent", event.agent, _depth(event.child)
        case e.ModelCalled():
            return f"model {event.run}", "model", f"{event.model}, {event.purpose}", _depth(event.run) + 1
        case e.ToolCalled():
            return f"tool {event.run} {event.call.id}", "tool", event.call.name, _depth(event.run) + 1
        case e.ApprovalRequested():
            return f"person {event.approval_id}", "person", event.kind, _depth(event.run) + 1
    return None


def _over(event: e.Event) -> str:
    """The key of the piece of work that an event ends; empty for none."""
    match event:
        case e.TaskEnded():
            return "task"
        case e.DelegateFinished():
            return f"run {event.child}"
        case e.ModelAnswered() | e.ModelFailed() | e.ModelAbandoned():
            return f"model {event.run}"
        case e.ToolReturned():
            return f"tool {event.run} {event.call_id}"
        case e.ApprovalAnswered():
            return f"person {event.approval_id}"
    return ""


def _is_bad(event: e.Event) -> bool:
    match event:
        case e.TaskEnded():
            return event.status != "completed"
        case e.DelegateFinished() | e.ToolReturned():
            return event.is_error
        case e.ApprovalAnswered():
            return event.decision != "approve"
    return isinstance(event, e.ModelFailed | e.ModelAbandoned)


def rows(found: list[Span], now: datetime) -> list[Row]:
    """The spans as bars; what has not ended lasts until now."""
    if not found:
        return []
    start = found[0].started
    whole = max(((span.ended or now) - start).total_seconds() for span in found) or 1e-3
    told = []
    for span in found:
        seconds = ((span.ended or now) - span.started).total_seconds()
        begin = 100 * (span.started - start).total_seconds() / whole
        told.append(Row(span, begin, max(0.4, 100 * seconds / whole), seconds))
    return told


def _depth(run: str) -> int:
    return run.count(".")
