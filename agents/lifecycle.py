"""A task's life: every move of its status, each one short transaction, to be run through `in_database`.

A move is a conditional UPDATE plus the events that say so. Who writes as the task's runner shows the lease's token: a process
that lost its lease can write nothing. Times are the database's; no machine's clock decides anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Extract, Now

from accounts.money import budgets
from accounts.money.movements import Payer
from agents import journal, spending
from agents.approvals import keeping as approvals
from agents.conversations import keeping, line, reading
from agents.engine import events as e
from agents.engine.budget import abandoned
from agents.engine.state import State, evolve, fold
from agents.models import IdempotencyKey, Outbox, Task, UnknownOutcome
from agents.queues import REPUBLISH_AFTER
from agents.teams import specs_of

LEASE = timedelta(seconds=30)
MAX_LOSSES = 3
Status = Task.Status

# From where a task may come to each status. The final ones lead nowhere.
SOURCES: Mapping[str, tuple[str, ...]] = {
    Status.QUEUED: (Status.RUNNING, Status.AWAITING_APPROVAL),
    Status.RUNNING: (Status.QUEUED,),
    Status.AWAITING_APPROVAL: (Status.RUNNING,),
    Status.COMPLETED: (Status.RUNNING,),
    Status.FAILED: (Status.QUEUED, Status.RUNNING, Status.AWAITING_APPROVAL),
    Status.CANCELLED: (Status.QUEUED, Status.RUNNING, Status.AWAITING_APPROVAL),
}


class LeaseLost(Exception):
    """Another process has the task now, or it has ended: this one must stop and write nothing more."""


class AlreadyAccepted(Exception):
    """The client's Idempotency-Key named a task before."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """The columns of a task to be accepted, and the client's own name for the request, if any.

    `has_budgets`: its client has some, of which a queued task gets `set_aside`, by the run whose first call it is for.
    `past`: what was read of its conversation, on which its first events build.
    """

    row: dict[str, Any]
    idempotency_key: str | None = None
    body_digest: bytes = b""
    has_budgets: bool = False
    set_aside: Mapping[str, Decimal] = field(default_factory=dict)
    past: e.ConversationRead | None = None

    @property
    def payer(self) -> Payer:
        return Payer(self.row["id"], self.row["client_id"], self.row.get("api_key_id"))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes as a task's runner. `last_seq` is the number of its last event that the runner knows to be written.

    `is_repeated` says that the same write was tried before and its outcome is not known. `answers`: how many approvals of the
    task the runner knows to be answered.
    """

    task_id: UUID
    token: int
    last_seq: int
    is_repeated: bool = False
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a task for a while, and all that is known of it; `past` is what it has yet to read."""

    task: Task
    journal: list[e.Event]
    seconds_left: float
    past: e.ConversationRead | None = None

    @property
    def holder(self) -> Holder:
        return Holder(self.task.pk, self.task.lease_token, self.task.last_seq)


@dataclass(frozen=True, slots=True)
class Ending:
    """The columns that a task's end sets; `has_asked`: people may be left who need not answer any more."""

    columns: dict[str, Any] = field(default_factory=dict)
    has_asked: bool = False

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
                "model": ended.model or state.model or _model_of(state),
                "input_tokens": state.usage.input_tokens,
                "output_tokens": state.usage.output_tokens,
                "model_calls": state.model_calls,
                "tool_calls": state.tool_calls,
                "cost_usd": state.cost_usd,
                "is_cached": ended.from_cache,
                **({"guard_rule": ended.guard_rule} if ended.guard_rule else {}),
            },
            has_asked=bool(state.approvals),
        )


def accept(new: NewTask, events: Sequence[e.Event], *, status: str, ending: Ending | None = None) -> Task:
    """Insert a task with its first events, and what makes it kept: idempotency row, lease or outbox row.

    One that was to run at once is queued instead when its conversation is not free for it; `waits` says that others are ahead
    of it there. Raises AlreadyAccepted when the Idempotency-Key is taken, BudgetExceeded when a budget
    does not allow the first call, and Conflict when its conversation takes no second task.
    """
    try:
        with transaction.atomic():
            entrance = _entrance(new.row)
            if entrance and status == Status.RUNNING and not entrance.may_begin(new.past):
                status, events = Status.QUEUED, _before_it_runs(events)
            task = Task(**new.row, status=status, last_seq=len(events), answers=approvals.answers(events))
            for name, value in _begun(status, ending).items():
                setattr(task, name, value)
            task.save(force_insert=True)
            if entrance and ending is None:
                line.join(entrance, task)
            journal.insert(task.pk, 1, events)
            if new.idempotency_key is not None:
                IdempotencyKey.objects.create(
                    client_id=task.client_id, key=new.idempotency_key, body_digest=new.body_digest, task=task
                )
            if status == Status.QUEUED and not task.waits:
                Outbox.objects.create(task=task, publish_at=Now() + REPUBLISH_AFTER, published=1)
            if ending is None:
                set_aside = new.set_aside if status == Status.QUEUED else {}
                spending.record(new.payer, 1, events, has_budgets=new.has_budgets, set_aside=set_aside)
    except IntegrityError as error:
        if "idempotency_key_of_client" in str(error):
            raise AlreadyAccepted from error
        raise
    if status == Status.RUNNING:
        return task
    kept = journal.load(task.pk)
    kept.waits = task.waits
    return kept


def adopt(row: dict[str, Any], events: Sequence[e.Event]) -> None:
    """Insert a queued task whose journal begins with another's; nothing of it is paid again. A worker goes on from there."""
    with transaction.atomic():
        answers = approvals.answers(events)
        task = Task.objects.create(**row, status=Status.QUEUED, last_seq=len(events), answers=answers)
        journal.insert(task.pk, 1, events)
        Outbox.objects.create(task=task, publish_at=Now(), published=0)


def claim(task_id: UUID) -> Claim | None:
    """Take a queued task to run it; None when another was first, it has ended, or it is not its turn in its conversation."""
    with transaction.atomic():
        taken = _move(
            Task.objects.filter(pk=task_id),
            Status.RUNNING,
            started_at=Coalesce("started_at", Now()),
            attempt_started_at=Now(),
            attempts=F("attempts") + 1,
            lease_token=F("lease_token") + 1,
            lease_expires_at=Now() + LEASE,
        )
        if not taken:
            return None
        task = journal.load(task_id)
        if task.conversation_id and line.ahead_of(task_id):
            transaction.set_rollback(True)
            return None
        Outbox.objects.filter(task_id=task_id).delete()
        known = [event for _, event in journal.events(task_id)]
        past = None
        if task.conversation_id and not reading.has_read(known):
            past = reading.read(task.client_id, task.conversation_id)
        return Claim(task, known, task.timeout_seconds - task.ran_seconds, past)


def append(by: Holder, new: Sequence[e.Event], ending: Ending | None = None) -> int:
    """Add events as the task's runner; with `ending`, end it. Returns the number of the last.

    Raises LeaseLost, and BudgetExceeded when a budget does not allow the calls that these events announce.
    """
    if ending is None:
        return _written(by, new)
    columns = {**ending.columns, **_ended_now()}
    to = columns.pop("status")
    if not ending.has_asked:
        return _written(by, new, to, **columns)
    with transaction.atomic():
        last = _written(by, new, to, **columns)
        approvals.drop(by.task_id)
    return last


def suspend(by: Holder, new: Sequence[e.Event]) -> int:
    """Lay a task aside until a person has answered; one of whose answers its runner has not heard yet is queued instead.

    Returns the number of the last event. Raises LeaseLost.
    """
    with transaction.atomic():
        last = _written(by, new, Status.AWAITING_APPROVAL, **_laid_aside())
        waiting = Task.objects.filter(pk=by.task_id, status=Status.AWAITING_APPROVAL)
        if _move(waiting.filter(answers__gt=by.answers), Status.QUEUED):
            _remind(by.task_id)
    return last


def hand_over(by: Holder, new: Sequence[e.Event]) -> int:
    """Queue a task again because its process stops; another goes on from here. Raises LeaseLost."""
    with transaction.atomic():
        last = _written(by, new, Status.QUEUED, **_laid_aside())
        # A repeated write may find that another process has claimed it meanwhile.
        if Task.objects.filter(pk=by.task_id, status=Status.QUEUED).exists():
            _remind(by.task_id)
    return last


def lease_seconds_left(task_id: UUID, token: int) -> float:
    """How long the lease is surely ours, in seconds from when this was asked. Raises LeaseLost."""
    left = ExpressionWrapper(Extract(F("lease_expires_at") - Now(), "epoch"), output_field=FloatField())
    mine = Task.objects.filter(pk=task_id, lease_token=token, status=Status.RUNNING)
    seconds: float | None = mine.annotate(left=left).values_list("left", flat=True).first()
    if seconds is None or seconds <= 0:
        raise LeaseLost
    return seconds


def request_cancel(task_id: UUID, client_id: UUID, by: str) -> bool:
    """Ask for a task's end: at once when nobody runs it, else as soon as its runner hears of it. False: not the client's."""
    with transaction.atomic():
        rows = Task.objects.select_for_update(no_key=True)
        task = rows.filter(pk=task_id, client_id=client_id).first()
        if task is None:
            return False
        if task.status in (Status.QUEUED, Status.AWAITING_APPROVAL):
            end_unrun(task, e.CancelRequested(by=by), e.TaskEnded(status=Status.CANCELLED, exit_reason="cancelled"))
        elif task.status == Status.RUNNING and task.cancel_requested_at is None:
            add(task, [e.CancelRequested(by=by)], cancel_requested_at=Now())
        return True


def give_back(task: Task) -> None:
    """Queue a running task again because its runner went away. The caller holds the row's lock."""
    given_up = [abandoned(call, is_sent=True) for call in _state(task).open_calls]
    requeue(task, *given_up, e.AttemptLost(attempt=task.attempts), losses=F("losses") + 1, **_laid_aside())


def requeue(task: Task, *new: e.Event, **columns: Any) -> None:
    """Queue a task again, for the next free worker. The caller holds the row's lock."""
    add(task, new, to=Status.QUEUED, **columns)
    _remind(task.pk)


def end_unrun(task: Task, *new: e.Event) -> None:
    """End a task that nobody runs, with what it has used so far; the last event ends it. The caller holds the row's lock."""
    state = _state(task)
    events = [*(abandoned(call, is_sent=True) for call in state.open_calls), *new]
    for event in events:
        state = evolve(state, event)
    columns = Ending.of(state).columns
    add(task, events, to=columns.pop("status"), **columns, **_ended_now())
    Outbox.objects.filter(task=task).delete()
    UnknownOutcome.objects.filter(task=task, decision="").update(
        decision=UnknownOutcome.Decision.MOOT, decided_at=Now()
    )
    if task.answers is not None:
        approvals.drop(task.pk)


def add(task: Task, new: Sequence[e.Event], *, to: str | None = None, **columns: Any) -> None:
    """Add events to a task that stands still, and move it. The caller holds the row's lock."""
    rows = Task.objects.filter(pk=task.pk)
    columns |= {"last_seq": F("last_seq") + len(new)}
    if answered := sum(isinstance(event, e.ApprovalAnswered) for event in new):
        columns["answers"] = F("answers") + answered
    if to is None:
        rows.update(**columns)
    elif not _move(rows, to, **columns):
        raise ValueError(f"A task that is {task.status} cannot become {to}.")
    if task.conversation_id:
        keeping.record(task.pk, new)
    journal.insert(task.pk, task.last_seq + 1, new)
    payer = Payer(task.pk, task.client_id, task.api_key_id)
    spending.record(payer, task.last_seq + 1, new, has_budgets=True)
    task.last_seq += len(new)


def attempt_seconds() -> Coalesce:
    """For a query: how long the present attempt has run; 0 where there is none."""
    since = ExpressionWrapper(Extract(Now() - F("attempt_started_at"), "epoch"), output_field=FloatField())
    return Coalesce(since, 0.0)


def _move(tasks: QuerySet[Task], to: str, **columns: Any) -> bool:
    """The one way from status to status: it happens where the task is at a source of the new one, or not at all."""
    return bool(tasks.filter(status__in=SOURCES[to]).update(status=to, **columns))


def _written(by: Holder, new: Sequence[e.Event], to: str | None = None, **columns: Any) -> int:
    with transaction.atomic():
        if by.is_repeated and (last := journal.find(by.task_id, by.last_seq, new)):
            return last  # the first try was committed after all
        mine = Task.objects.filter(pk=by.task_id, lease_token=by.token, status=Status.RUNNING)
        columns |= {"last_seq": F("last_seq") + len(new)}
        if approvals.asks(new):
            columns["answers"] = Coalesce("answers", 0)
        if not (mine.update(**columns) if to is None else _move(mine, to, **columns)):
            raise LeaseLost
        last, client_id, api_key_id, conversation_id, has_budgets = (
            Task.objects.annotate(has_budgets=_has_budgets())
            .values_list("last_seq", "client_id", "api_key_id", "conversation_id", "has_budgets")
            .get(pk=by.task_id)
        )
        if conversation_id:
            keeping.record(by.task_id, new)
        first = last - len(new) + 1
        journal.insert(by.task_id, first, new)
        spending.record(Payer(by.task_id, client_id, api_key_id), first, new, has_budgets=has_budgets)
    return int(last)


def _remind(task_id: UUID) -> None:
    """Have the next sweep send a message of a queued task: this process may end before its own is out."""
    Outbox.objects.update_or_create(task_id=task_id, defaults={"publish_at": Now(), "published": 0})


def _entrance(row: Mapping[str, Any]) -> line.Entrance | None:
    if (conversation_id := row.get("conversation_id")) is None:
        return None
    return line.enter(row["client_id"], conversation_id, row["agent_type"])


def _before_it_runs(events: Sequence[e.Event]) -> list[e.Event]:
    return list(takewhile(lambda event: not isinstance(event, e.AttemptStarted), events))


def _begun(status: str, ending: Ending | None) -> dict[str, Any]:
    """The columns of a task that is accepted, by where it begins."""
    timing: dict[str, Any] = {}
    if status != Status.QUEUED:
        timing = {"started_at": Now(), "attempt_started_at": Now(), "attempts": 1}
    if status == Status.RUNNING:
        timing |= {"lease_token": 1, "lease_expires_at": Now() + LEASE}
    if ending:
        timing |= {**ending.columns, "completed_at": Now()}
    return timing


def _has_budgets() -> "ExpressionWrapper[Q]":
    found = budgets.active(OuterRef("client_id")) | budgets.reserved(OuterRef("pk"))
    return ExpressionWrapper(found, output_field=BooleanField())


def _state(task: Task) -> State:
    known = [event for _, event in journal.events(task.pk)]
    opening = known[0]
    if not isinstance(opening, e.TaskAccepted):
        raise TypeError("A journal begins with TaskAccepted.")
    return fold(known, specs_of(opening.team))


def _model_of(state: State) -> str:
    """The model that a task without an answer was for; a function may have asked none."""
    agent = state.team[state.root.agent]
    return "" if agent.strategy == "code" else agent.model


def _laid_aside() -> dict[str, Any]:
    return {
        "ran_seconds": F("ran_seconds") + attempt_seconds(),
        "attempt_started_at": None,
        "lease_expires_at": None,
    }


def _ended_now() -> dict[str, Any]:
    return {
        "completed_at": Now(),
        "ran_seconds": F("ran_seconds") + attempt_seconds(),
        "lease_expires_at": None,
    }
