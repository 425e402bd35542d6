"""What a played task leaves behind, ready to be stamped: its row without owner and moments, and the rows beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from agents import spending
from agents.demo.acting import Scene
from agents.engine import events as e
from agents.engine.prompts import request_text
from agents.lifecycle import Ending
from agents.models import AgentVersion, Task

COLUMNS = (
    "agent_type", "agent_version_id", "mode", "status", "exit_reason", "result", "error", "model", "input_tokens",
    "output_tokens", "model_calls", "tool_calls", "cost_usd", "is_cached", "guard_rule", "timeout_seconds", "attempts", "losses",
    "ran_seconds", "lease_token", "last_seq", "answers",
)  # fmt: skip
MOMENTS = ("started_at", "attempt_started_at", "completed_at", "cancel_requested_at")
"""In the cast these are seconds after acceptance."""


@dataclass(frozen=True, slots=True)
class Cast:
    """One task as it goes each time. Rows of `events`, `entries`, `approvals` and `unknown` begin with their seconds."""

    row: dict[str, Any]
    events: list[tuple[Any, ...]]
    entries: list[tuple[Any, ...]]
    approvals: list[tuple[Any, ...]]
    unknown: list[tuple[Any, ...]]
    asked: str
    context: dict[str, Any]
    said: str
    wants_conversation: bool = field(default=False)

    @property
    def seconds(self) -> float:
        """From its acceptance to its last line."""
        return float(self.events[-1][0])


def cast(scene: Scene, version: AgentVersion, mode: str) -> Cast:
    """The rows that a scene leaves; the columns of an end are those that the product itself would write."""
    state = scene.state
    answered = [event for _, event in scene.lines if isinstance(event, e.ApprovalAnswered)]
    row: dict[str, Any] = {
        "agent_type": version.agent.slug,
        "agent_version_id": version.pk,
        "mode": mode,
        "status": Task.Status.AWAITING_APPROVAL,
        "exit_reason": "",
        "result": None,
        "error": None,
        "model": "",
        **dict.fromkeys(("input_tokens", "output_tokens", "model_calls", "tool_calls", "cost_usd"), 0),
        "is_cached": False,
        "guard_rule": state.noted.rule if state.noted else "",
        "timeout_seconds": state.limits.timeout_seconds,
        "attempts": scene.attempts,
        "losses": scene.losses,
        "ran_seconds": scene.ran,
        "lease_token": scene.lease_token,
        "last_seq": len(scene.lines),
        "answers": len(answered) if state.approvals else None,
        "started_at": scene.started,
        "attempt_started_at": scene.attempt_started,
        "completed_at": scene.completed,
        "cancel_requested_at": scene.cancel_requested,
    }
    if state.ended:
        row |= Ending.of(state).columns
    for name in ("result", "error"):
        row[name] = None if row[name] is None else orjson.dumps(row[name]).decode()
    result = state.ended.result if state.ended else None
    return Cast(
        row,
        events=list(_events(scene)),
        entries=list(_entries(scene)),
        approvals=list(_approvals(scene)),
        unknown=list(_unknown(scene)),
        asked=state.input.task,
        context=dict(state.input.context),
        said=result if isinstance(result, str) else orjson.dumps(result).decode(),
        wants_conversation=any(isinstance(event, e.ConversationRead) for _, event in scene.lines),
    )


def turn_bytes(text: str, context: dict[str, Any]) -> int:
    """How long a turn is as a model reads it."""
    return len(request_text(text, context).encode())


def _events(scene: Scene) -> Iterator[tuple[Any, ...]]:
    for seq, (at, event) in enumerate(scene.lines, 1):
        yield at, seq, type(event).__name__, event.version, orjson.dumps(e.to_json(event)).decode()


def _entries(scene: Scene) -> Iterator[tuple[Any, ...]]:
    for seq, (at, event) in enumerate(scene.lines, 1):
        if isinstance(event, spending.SETTLING):
            told = spending.settlement(seq, event)
            yield (
                at, seq, told.model, told.run, told.step, str(told.kind), told.input_tokens, told.output_tokens,
                told.amount_usd, told.reserved_usd,
            )  # fmt: skip


def _approvals(scene: Scene) -> Iterator[tuple[Any, ...]]:
    given = {event.approval_id: (at, event) for at, event in scene.lines if isinstance(event, e.ApprovalAnswered)}
    for at, event in scene.lines:
        if not isinstance(event, e.ApprovalRequested):
            continue
        decision, comment, by, decider, decided = "", "", "", "", None
        if event.approval_id in given:
            decided, answer = given[event.approval_id]
            decision, comment, by = answer.decision, answer.comment, answer.by
            decider = "" if by == "timeout" else "demodata"
        elif scene.completed is not None:
            decision, decided = "moot", scene.completed
        yield (
            at, event.approval_id, event.run, event.agent, event.kind, event.call.name if event.call else "",
            event.call.id if event.call else "", event.text, event.timeout_seconds, event.on_timeout, decision, comment, by,
            decider, decided,
        )  # fmt: skip


def _unknown(scene: Scene) -> Iterator[tuple[Any, ...]]:
    lines = scene.lines
    resolved = {event.call_id: (at, event) for at, event in lines if isinstance(event, e.OutcomeResolved)}
    returned = {event.call_id: event.output for _, event in lines if isinstance(event, e.ToolReturned)}
    for at, event in lines:
        if isinstance(event, e.OutcomeUnknown):
            decided, answer = resolved.get(event.call.id, (None, None))
            decision = answer.decision if answer else ""
            result = returned.get(event.call.id, "") if decision == "done" else ""
            by = answer.by if answer else ""
            yield (
                at, event.run, event.step, event.call.id, event.call.name, event.call.arguments, decision, result, by, decided,
            )  # fmt: skip
