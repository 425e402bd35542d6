"""What the journal's events mean for approvals. Every write of a journal passes here, within its transaction."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from agents.approvals.models import Approval
from agents.engine import events as e


def asks(new: Sequence[e.Event]) -> bool:
    """Whether these events ask a person."""
    return any(isinstance(event, e.ApprovalRequested) for event in new)


def answers(new: Sequence[e.Event]) -> int | None:
    """How many approvals these events answer; None where they ask for none."""
    return sum(isinstance(event, e.ApprovalAnswered) for event in new) if asks(new) else None


def record(task_id: UUID, new: Sequence[e.Event]) -> None:
    """Have what these events ask wait for an answer, from now on and for as long as they say.

    Where the answer is among them, as in a journal that begins with another's, it stands with what was asked.
    """
    asked = [event for event in new if isinstance(event, e.ApprovalRequested)]
    if asked:
        answers = {event.approval_id: event for event in new if isinstance(event, e.ApprovalAnswered)}
        Approval.objects.bulk_create(_row(task_id, event, answers.get(event.approval_id)) for event in asked)


def drop(task_id: UUID) -> None:
    """Nobody has to answer any more: the task has ended."""
    Approval.objects.filter(task_id=task_id, decision="").update(decision=Approval.Decision.MOOT, decided_at=Now())


def _row(task_id: UUID, event: e.ApprovalRequested, answer: e.ApprovalAnswered | None) -> Approval:
    given = (
        {"decision": answer.decision, "comment": answer.comment, "decided_by": answer.by, "decided_at": Now()}
        if answer
        else {}
    )
    return Approval(
        task_id=task_id,
        approval_id=event.approval_id,
        run=event.run,
        agent=event.agent,
        kind=event.kind,
        tool=event.call.name[:128] if event.call else "",
        call_id=event.call.id if event.call else "",
        text=event.text,
        expires_at=Now() + timedelta(seconds=event.timeout_seconds),
        on_timeout=event.on_timeout,
        **given,
    )
