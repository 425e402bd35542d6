"""A task as clients see it."""

import json
from datetime import UTC, datetime
from typing import Any

from agents import cast
from agents.cast import Cast
from agents.engine import events as e
from agents.models import Task
from agents.schemas import Step, TaskError, TaskObject, TaskUsage


def task_object(task: Task, steps: list[Step] | None = None) -> TaskObject:
    """The task object that every answer, stream and page shows."""
    return TaskObject(
        task_id=task.pk,
        status=task.status,
        exit_reason=task.exit_reason or None,
        agent_type=task.agent_type,
        agent_version=task.agent_version.number,
        model=task.model or None,
        result=task.result,
        error=TaskError(**task.error) if task.error else None,
        approvals=[],
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


def step(seq: int, event: e.Event, at: datetime, agents: Cast) -> Step:
    """One line of the journal; `agents` knows whose the lines before it are, and learns of this one."""
    cast.note(agents, event)
    run = getattr(event, "run", None)
    agent = agents.get(run) if run else None
    return Step(seq=seq, type=type(event).__name__, at=at, run=run, agent=agent, data=e.to_json(event))


def said(task: Task) -> str:
    """What the client got, as text: the result, or why there is none."""
    shown = task.error["message"] if task.error else task.result
    return shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(amount: Any) -> str:
    """US dollars as a decimal string without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
