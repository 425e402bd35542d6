"""A task's journal in PostgreSQL: append-only, numbered without gaps. To be run through `in_database`."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import prefetch_related_objects

from agents.approvals import keeping
from agents.engine import events as e
from agents.models import Event, IdempotencyKey, Task, UnknownOutcome


def load(task_id: UUID, client_id: UUID | None = None) -> Task:
    """The task as it stands. Raises Task.DoesNotExist, for another client's as well."""
    owner = {} if client_id is None else {"client_id": client_id}
    task = Task.objects.select_related("agent_version").get(pk=task_id, **owner)
    return with_approvals([task])[0]


def with_approvals(tasks: list[Task]) -> list[Task]:
    """The tasks, with the approvals of those that asked for some; the others cost no query."""
    prefetch_related_objects([task for task in tasks if task.answers is not None], "approvals")
    return tasks


def events(task_id: UUID, after: int = 0) -> list[tuple[int, e.Event]]:
    """The journal's events after a number, in order."""
    rows = Event.objects.filter(task_id=task_id, seq__gt=after).order_by("seq").values_list("seq", "type", "data")
    return [(seq, e.from_json(kind, data)) for seq, kind, data in rows]


def answers(task_id: UUID) -> list[e.ApprovalAnswered]:
    """What people have answered so far."""
    rows = Event.objects.filter(task_id=task_id, type="ApprovalAnswered").order_by("seq").values_list("type", "data")
    told = (e.from_json(kind, data) for kind, data in rows)
    return [event for event in told if isinstance(event, e.ApprovalAnswered)]


def insert(task_id: UUID, first_seq: int, new: Sequence[e.Event]) -> None:
    """Write events under the numbers from `first_seq` on, within the transaction that counted them."""
    insert_together([(task_id, first_seq, new)])
    keeping.record(task_id, new)
    if unknown := [event for event in new if isinstance(event, e.OutcomeUnknown)]:
        UnknownOutcome.objects.bulk_create(
            UnknownOutcome(
                task_id=task_id,
                run=event.run,
                step=event.step,
                call_id=event.call.id,
                tool=event.call.name,
                arguments=event.call.arguments,
            )
            for event in unknown
        )


def insert_together(lines: Iterable[tuple[UUID, int, Sequence[e.Event]]]) -> None:
    """Write the events of several tasks, each under the numbers from its first on; none that asks a person or is unknown."""
    Event.objects.bulk_create(
        Event(
            task_id=task_id,
            seq=first_seq + index,
            type=type(event).__name__,
            version=event.version,
            data=e.to_json(event),
        )
        for task_id, first_seq, new in lines
        for index, event in enumerate(new)
    )


def find(task_id: UUID, after: int, wanted: Sequence[e.Event]) -> int:
    """Under which number the last of these events stands, when they stand there one after the other; else 0."""
    if not wanted:
        return 0
    rows = list(Event.objects.filter(task_id=task_id, seq__gt=after).order_by("seq").values_list("seq", "type", "data"))
    sought = [(type(event).__name__, e.to_json(event)) for event in wanted]
    for start in range(len(rows) - len(sought) + 1):
        if sought == [(kind, data) for _, kind, data in rows[start : start + len(sought)]]:
            return int(rows[start + len(sought) - 1][0])
    return 0


def known_request(client_id: UUID, key: str) -> IdempotencyKey | None:
    """What an Idempotency-Key stands for, for this client."""
    return IdempotencyKey.objects.filter(client_id=client_id, key=key).first()
