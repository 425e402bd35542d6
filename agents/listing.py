"""Reading: pages of tasks, a task's journal, the agents on offer. To be run through `in_database`."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from agents.cast import Cast
from agents.engine import events as e
from agents.journal import with_approvals
from agents.models import Event, Task
from agents.presenting import step
from agents.schemas import AgentType, ListQuery, Step
from agents.teams import Offer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FILTERS = {"status": "status", "agent_type": "agent_type", "conversation_id": "conversation_id",
           "created_after": "created_at__gt", "created_before": "created_at__lt"}  # fmt: skip


def page(client_id: UUID, query: ListQuery) -> tuple[list[Task], str | None]:
    """One page of a client's tasks, newest first, and the cursor of the next."""
    rows = Task.objects.filter(client_id=client_id).select_related("agent_version").order_by("-created_at", "-id")
    given = query.model_dump(exclude_none=True)
    rows = rows.filter(**{column: given[name] for name, column in FILTERS.items() if name in given})
    if query.cursor:
        created_at, task_id = _read(query.cursor)
        # The first condition tells the index where to begin.
        rows = rows.filter(Q(created_at__lte=created_at) & (Q(created_at__lt=created_at) | Q(id__lt=task_id)))
    found = list(rows[: query.limit + 1])
    is_more = len(found) > query.limit
    found = with_approvals(found[: query.limit])
    return found, _cursor(found[-1]) if is_more else None


def steps(task_id: UUID) -> list[Step]:
    """The task's journal."""
    rows = Event.objects.filter(task_id=task_id).order_by("seq").values_list("seq", "type", "data", "at")
    agents: Cast = {}
    return [step(seq, e.from_json(kind, data), at, agents) for seq, kind, data, at in rows]


def agent_type(offer: Offer) -> AgentType:
    """An agent as clients see it."""
    spec = offer.spec
    return AgentType(
        slug=spec.slug,
        description=spec.description,
        version=spec.version,
        model=spec.model,
        tools=list(spec.tools),
        delegates=list(spec.delegates),
        handoffs=list(spec.handoffs),
        limits={
            "max_cost_usd": offer.max_cost_usd,
            "max_output_tokens": offer.max_output_tokens,
            "max_steps": offer.max_steps,
            "timeout_seconds": offer.timeout_seconds,
        },
    )


def _cursor(task: Task) -> str:
    """Where a page ended: creation in microseconds since 1970, and the task's id. Every text of this form is a cursor."""
    return f"{round(task.created_at.timestamp() * 1e6):014x}-{task.pk.hex}"


def _read(cursor: str) -> tuple[datetime, UUID]:
    microseconds, _, task_id = cursor.partition("-")
    return EPOCH + timedelta(microseconds=int(microseconds, 16)), UUID(task_id)
