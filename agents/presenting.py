"""A task as clients see it."""

import json
from datetime import UTC, datetime
from typing import Any

from agents import cast
from agents.approvals.models import Approval
from agents.cast import Cast
from agents.engine import events as e
from agents.models import Task
from agents.schemas import ApprovalObject, Step, TaskError, TaskObject, TaskUsage


def task_object(task: Task, steps: list[Step] | None = None) -> TaskObject:
    """The task object that every answer, stream and page shows. On the event loop, of a task that was read with its approvals."""
    return TaskObject(
        task_id=task.pk,
        status=task.status,
        exit_reason=task.exit_reason or None,
        agent_type=task.agent_type,
        agent_version=task.agent_version.number,
        model=task.model or None,
        result=task.result,
        error=TaskError(**task.error) if task.error else None,
        approvals=[] if task.answers is None else [approval(each) for each in task.approvals.all()],
        cached=task.is_cached,
        usage=TaskUsage(
            input_tokens=task.input_tokens,
            output_tokens=task.output_tokens,
            model_calls=task.model_calls,
            tool_calls=task.tool_calls,
        ),
        cost_usd=money(task.cost_usd),
        conversation_id=task.conversation_id,
        metadata=task.metadata,
        created_at=timestamp(task.created_at),
        started_at=timestamp(task.started_at) if task.started_at else None,
        completed_at=timestamp(task.completed_at) if task.completed_at else None,
        execution_time_seconds=round(task.ran_seconds, 3) if task.is_final and task.started_at else None,
        steps=steps,
    )


def approval(asked: Approval) -> ApprovalObject:
    """What a person is asked, and what was answered."""
    is_tool = asked.kind == Approval.Kind.TOOL
    return ApprovalObject(
        approval_id=asked.approval_id,
        kind=asked.kind,
        agent=asked.agent,
        run=asked.run,
        tool=asked.tool if is_tool else None,
        arguments=asked.text if is_tool else None,
        text=None if is_tool else asked.text,
        requested_at=timestamp(asked.requested_at),
        expires_at=timestamp(asked.expires_at),
        decision=asked.decision or None,
        comment=asked.comment or None,
        decided_by=asked.decided_by or None,
        decided_at=timestamp(asked.decided_at) if asked.decided_at else None,
    )


def step(seq: int, event: e.Event, at: datetime, agents: Cast) -> Step:
    """One line of the journal; `agents` knows whose the lines before it are, and learns of this one."""
    cast.note(agents, event)
    run = getattr(event, "run", None)
    agent = agents.get(run) if run else None
    return Step(seq=seq, type=type(event).__name__, at=at, run=run, agent=agent, data=_told(event))


def said(task: Task) -> str:
    """What the client got, as text: the result, or why there is none."""
    shown = task.error["message"] if task.error else task.result
    return shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)


def _told(event: e.Event) -> dict[str, Any]:
    """The event's fields, without what an agent's code keeps to itself, its prompts and the results of its own steps, and
    without what the output guard held back."""
    kept = {e.CodeAsked: "what", e.CodeAnswered: "output"}.get(type(event))
    if isinstance(event, e.ModelAnswered | e.CodeReturned) and event.is_blocked:
        kept = "text" if isinstance(event, e.ModelAnswered) else "result"
    return {name: value for name, value in e.to_json(event).items() if name != kept}


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(amount: Any) -> str:
    """US dollars as a decimal string without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
