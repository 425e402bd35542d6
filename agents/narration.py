"""A task's journal told as the events that clients see. Pure: the same journal always gives the same frames.

A frame's position is (number of a journal event, characters of its text already sent). Deltas belong to the event that began
the model call, so a position can be found again from the journal alone.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from agents import cast
from agents.cast import Cast
from agents.engine import events as e

Position = tuple[int, int]
Told = e.ToolCalled | e.ToolReturned | e.ApprovalRequested | e.DelegateStarted | e.DelegateFinished


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event before encoding. Without a position it is no place to go on from, and is not told again."""

    position: Position | None
    name: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether the task has ended with it."""
        return self.name in ("task.completed", "task.failed", "task.cancelled")


@dataclass(slots=True)
class Narrator:
    """Turns a journal, and the live text between its events, into frames after a position."""

    task_id: str
    after: Position = (0, 0)
    next_seq: int = 1
    agents: Cast = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    call_seq: int = 0
    sent: int = 0
    asides: dict[str, Position] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)
    has_begun: bool = False
    has_ended: bool = False

    def event(self, seq: int, event: e.Event) -> list[Frame]:
        """The frames of the journal's next event."""
        self.next_seq = seq + 1
        return [frame for frame in self._frames(seq, event) if frame.position is None or frame.position > self.after]

    def aside(self, run: str, call_seq: int, offset: int, text: str) -> Frame | None:
        """A piece of a delegate's text; None when it was told, as what our own process sends comes back from Redis."""
        if (call_seq, offset) < self.asides.get(run, (0, 0)):
            return None
        self.asides[run] = call_seq, offset + len(text)
        return self._frame(None, "delegate.delta", run, text=text)

    def delta(self, call_seq: int, offset: int, text: str) -> Frame | None:
        """A piece of the root's text; None when it is known already, belongs to no open call, or leaves a gap before it."""
        start = max(self.sent, self.after[1] if call_seq == self.after[0] else 0)
        if call_seq != self.call_seq or offset > start or offset + len(text) <= start:
            return None
        self.sent = offset + len(text)
        return self._frame((call_seq, self.sent), "text.delta", e.ROOT, text=text[start - offset :])

    def _frames(self, seq: int, event: e.Event) -> list[Frame]:
        at = (seq, 0)
        cast.note(self.agents, event)
        match event:
            case e.AttemptStarted() if not self.has_begun:
                self.has_begun = True
                return [self._frame(at, "task.started", e.ROOT)]
            case e.ModelCalled():
                if event.run == e.ROOT:
                    self.call_seq, self.sent = 0 if event.is_withheld else seq, 0
                is_again = self.steps.get(event.run) == event.step
                self.steps[event.run] = event.step
                return [
                    self._frame(at, "step.restarted" if is_again else "step.started", event.run, purpose=event.purpose)
                ]
            case e.CodeSpoke():
                return [self._begun(at, event, "say")]
            case e.CodeReturned() if event.run == e.ROOT and not (event.is_withheld or event.is_blocked):
                text = _as_text(event.result)
                began = [] if event.continues else [self._begun(at, event, "result")]
                rest = self.delta(self.call_seq, 0, text)
                return [*began, *([rest] if rest else [])]
            case e.ModelAnswered() if event.run == e.ROOT and event.text and event.purpose != "code":
                is_told = self.call_seq and not event.is_blocked
                rest = self.delta(self.call_seq, 0, event.text) if is_told else None
                return [rest] if rest else []
            case e.ApprovalRequested():
                if event.kind == "result" and event.run == e.ROOT:
                    self.held_back[event.approval_id] = event.text
                return [self._told(at, event)]
            case e.ApprovalAnswered(decision="approve") if event.approval_id in self.held_back:
                text = self.held_back.pop(event.approval_id)
                return [self._frame((seq, len(text)), "text.delta", event.run, text=text)]
            case e.TaskEnded():
                self.has_ended = True
                frames = []
                if event.from_cache:
                    frames.append(self._frame(at, "text.delta", e.ROOT, text=_as_text(event.result)))
                return [*frames, self._frame((seq, 1), f"task.{event.status}", e.ROOT)]
            case e.ToolCalled() | e.ToolReturned() | e.DelegateStarted() | e.DelegateFinished():
                return [self._told(at, event)]
        return []

    def _told(self, at: Position, event: Told) -> Frame:
        name, fields = told(event)
        return self._frame(at, name, event.run, **fields)

    def _begun(self, at: Position, event: e.CodeSpoke | e.CodeReturned, purpose: str) -> Frame:
        """A step whose text is a function's own."""
        self.call_seq, self.sent = at[0], 0
        self.steps[event.run] = event.step
        return self._frame(at, "step.started", event.run, purpose=purpose)

    def _frame(self, position: Position | None, name: str, run: str, **fields: Any) -> Frame:
        whose = {"run": run, "step": self.steps.get(run, 0), "agent": self.agents.get(run, "")}
        return Frame(position, name, {"task_id": self.task_id, **whose, **fields})


def told(event: Told) -> tuple[str, dict[str, Any]]:
    """What clients see of an event that tells all about itself: its name for them, and its own fields."""
    match event:
        case e.ToolCalled(call=call):
            return "tool.called", {"tool": call.name, "call_id": call.id, "arguments": call.arguments}
        case e.ToolReturned():
            fields = {"tool": event.tool, "call_id": event.call_id, "output": event.output, "is_error": event.is_error}
            return "tool.returned", fields
        case e.ApprovalRequested(call=call):
            asked = {"approval_id": event.approval_id, "kind": event.kind}
            about = (
                {"tool": call.name, "call_id": call.id, "arguments": call.arguments} if call else {"text": event.text}
            )
            rule = {"timeout_seconds": event.timeout_seconds, "on_timeout": event.on_timeout}
            return "approval.requested", {**asked, **about, **rule}
        case e.DelegateStarted():
            fields = {"delegate": event.agent, "child": event.child, "task": event.task, "purpose": event.purpose}
            return "delegate.started", {**fields, **({"call_id": event.call_id} if event.call_id else {})}
        case e.DelegateFinished():
            ended = {"output": event.output, "is_error": event.is_error}
            return "delegate.finished", {"delegate": event.agent, "child": event.child, **ended}


def _as_text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
