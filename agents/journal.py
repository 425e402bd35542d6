"""A task's row and its journal in PostgreSQL. Every function is one short transaction, to be run through `in_database`.

Each move of a task is a conditional UPDATE plus the events that say so. Who writes as the task's runner shows the lease's
token: a process that lost its lease can write nothing. Times are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ExpressionWrapper, F, FloatField
from django.db.models.functions import Coalesce, Extract, Now

from agents.engine import events as e
from agents.engine.state import State, fold
from agents.models import Event, IdempotencyKey, Outbox, Task
from agents.teams import specs_of

LEASE = timedelta(seconds=30)
REPUBLISH_AFTER = timedelta(seconds=3)
MAX_ATTEMPTS = 3
Status = Task.Status


class LeaseLost(Exception):
    """Another process has the task now, or it has ended: this one must stop and write nothing more."""


class AlreadyAccepted(Exception):
    """The client's Idempotency-Key named a task before."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """The columns of a task to be accepted, and the client's own name for the request, if any."""

    row: dict[str, Any]
    idempotency_key: str | None = None
    body_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a task for a while, and all that is known of it."""

    task: Task
    token: int
    journal: list[e.Event]
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Ending:
    """The columns that a task's end sets."""

    columns: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State) -> "Ending":
        """What the final state says."""
        ended = state.ended
        if ended is None:
            raise ValueError("The task has not ended.")
        error = {"code": ended.exit_reason, "message": ended.message} if ended.status == Status.FAILED else None
        return cls(
            {
                "status": ended.status,
                "exit_reason": ended.exit_reason,
                "result": ended.result,
                "error": error,
                "model": ended.model or state.model or state.team[state.root.agent].model,
                "input_tokens": state.usage.input_tokens,
                "output_tokens": state.usage.output_tokens,
                "model_calls": state.model_calls,
                "tool_calls": state.tool_calls,
                "cost_usd": state.cost_usd,
                "is_cached": ended.from_cache,
            }
        )


def accept(new: NewTask, events: Sequence[e.Event], *, status: str, ending: Ending | None = None) -> Task:
    """Insert a task with its first events, and what makes it kept: idempotency row, lease or outbox row.

    Raises AlreadyAccepted when the Idempotency-Key is taken.
    """
    timing: dict[str, Any] = {}
    if status != Status.QUEUED:
        timing = {"started_at": Now(), "attempt_started_at": Now(), "attempts": 1}
    if status == Status.RUNNING:
        timing |= {"lease_token": 1, "lease_expires_at": Now() + LEASE}
    if ending:
        timing |= {**ending.columns, "completed_at": Now()}
    try:
        with transaction.atomic():
            task = Task(**new.row, status=status, last_seq=len(events))
            for name, value in timing.items():
                setattr(task, name, value)
            task.save(force_insert=True)
            _insert(task.pk, 1, events)
            if new.idempotency_key is not None:
                IdempotencyKey.objects.create(
                    client_id=task.client_id, key=new.idempotency_key, body_digest=new.body_digest, task=task
                )
            if status == Status.QUEUED:
                Outbox.objects.create(task=task, publish_at=Now() + REPUBLISH_AFTER, published=1)
    except IntegrityError as error:
        if "idempotency_key_of_client" in str(error):
            raise AlreadyAccepted from error
        raise
    return task if status == Status.RUNNING else load(task.pk)


def claim(task_id: UUID) -> Claim | None:
    """Take a queued task to run it; None when another was first, or it has ended."""
    with transaction.atomic():
        taken = Task.objects.filter(pk=task_id, status=Status.QUEUED).update(
            status=Status.RUNNING,
            started_at=Coalesce("started_at", Now()),
            attempt_started_at=Now(),
            attempts=F("attempts") + 1,
            lease_token=F("lease_token") + 1,
            lease_expires_at=Now() + LEASE,
        )
        if not taken:
            return None
        Outbox.objects.filter(task_id=task_id).delete()
        task = load(task_id)
        return Claim(
            task, task.lease_token, [event for _, event in events(task_id)], task.timeout_seconds - task.ran_seconds
        )


def append(task_id: UUID, token: int, new: Sequence[e.Event], ending: Ending | None = None) -> int:
    """Add events as the task's runner; with `ending`, end it. Returns the number of the last. Raises LeaseLost."""
    columns: dict[str, Any] = {**ending.columns, **_ended_now()} if ending else {}
    with transaction.atomic():
        mine = Task.objects.filter(pk=task_id, lease_token=token, status=Status.RUNNING)
        if not mine.update(last_seq=F("last_seq") + len(new), **columns):
            raise LeaseLost
        last: int = Task.objects.values_list("last_seq", flat=True).get(pk=task_id)
        _insert(task_id, last - len(new) + 1, new)
    return last


def request_cancel(task_id: UUID, client_id: UUID, by: str) -> bool:
    """Ask for a task's end: at once when it is queued, else as soon as its runner hears of it. False: not the client's."""
    with transaction.atomic():
        task = Task.objects.select_for_update().filter(pk=task_id, client_id=client_id).first()
        if task is None:
            return False
        if task.status in (Status.QUEUED, Status.AWAITING_APPROVAL):
            ended = e.TaskEnded(status=Status.CANCELLED, exit_reason="cancelled")
            end_unrun(task, e.CancelRequested(by=by), ended)
        elif task.status == Status.RUNNING and task.cancel_requested_at is None:
            _move(task, [e.CancelRequested(by=by)], cancel_requested_at=Now())
        return True


def give_back(task: Task) -> None:
    """Queue a running task again because its runner went away. The caller holds the row's lock."""
    _move(
        task,
        [e.AttemptLost(attempt=task.attempts)],
        status=Status.QUEUED,
        ran_seconds=F("ran_seconds") + attempt_seconds(),
        attempt_started_at=None,
        lease_expires_at=None,
    )
    Outbox.objects.update_or_create(task=task, defaults={"publish_at": Now(), "published": 0})


def end_unrun(task: Task, *new: e.Event) -> None:
    """End a task that nobody runs, with what it has used so far; the last event ends it. The caller holds the row's lock."""
    known = [event for _, event in events(task.pk)]
    opening = known[0]
    if not isinstance(opening, e.TaskAccepted):
        raise TypeError("A journal begins with TaskAccepted.")
    state = fold([*known, *new], specs_of(opening.team))
    _move(task, new, **Ending.of(state).columns, **_ended_now())
    Outbox.objects.filter(task=task).delete()


def load(task_id: UUID, client_id: UUID | None = None) -> Task:
    """The task as it stands. Raises Task.DoesNotExist, for another client's as well."""
    owner = {} if client_id is None else {"client_id": client_id}
    return Task.objects.select_related("agent_version").get(pk=task_id, **owner)


def events(task_id: UUID, after: int = 0) -> list[tuple[int, e.Event]]:
    """The journal's events after a number, in order."""
    rows = Event.objects.filter(task_id=task_id, seq__gt=after).order_by("seq").values_list("seq", "type", "data")
    return [(seq, e.from_json(kind, data)) for seq, kind, data in rows]


def known_request(client_id: UUID, key: str) -> IdempotencyKey | None:
    """What an Idempotency-Key stands for, for this client."""
    return IdempotencyKey.objects.filter(client_id=client_id, key=key).first()


def _move(task: Task, new: Sequence[e.Event], **columns: Any) -> None:
    Task.objects.filter(pk=task.pk).update(last_seq=F("last_seq") + len(new), **columns)
    _insert(task.pk, task.last_seq + 1, new)
    task.last_seq += len(new)


def _ended_now() -> dict[str, Any]:
    return {
        "completed_at": Now(),
        "ran_seconds": F("ran_seconds") + attempt_seconds(),
        "lease_expires_at": None,
    }


def attempt_seconds() -> Coalesce:
    """For a query: how long the present attempt has run; 0 where there is none."""
    since = ExpressionWrapper(Extract(Now() - F("attempt_started_at"), "epoch"), output_field=FloatField())
    return Coalesce(since, 0.0)


def _insert(task_id: UUID, first_seq: int, new: Sequence[e.Event]) -> None:
    Event.objects.bulk_create(
        Event(
            task_id=task_id,
            seq=first_seq + index,
            type=type(event).__name__,
            version=event.version,
            data=e.to_json(event),
        )
        for index, event in enumerate(new)
    )
