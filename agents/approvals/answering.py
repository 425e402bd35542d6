"""Answering an approval: by its client, by an operator, or by the rule for silence. To be run in a database thread.

An answer is a line in the journal and a mark on the approval's row, in one transaction. Where the task waits it is queued again;
where other parts of it still run, their runner hears of the answer within a second (see `leases.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from agentplatform import metrics
from agentplatform.errors import Conflict, NotFound
from agentplatform.logs import log
from agents import journal, lifecycle, outbox
from agents.approvals.models import Approval
from agents.engine import events as e
from agents.engine.approvals import unanswered
from agents.models import Task

By = Approval.By
Decision = Approval.Decision
Verdict = Literal["approve", "reject"]
ON_TIMEOUT: Mapping[str, e.Decision] = {"reject": "reject", "approve": "approve", "fail": "expire"}
TOLD = {Decision.APPROVE: "approved", Decision.REJECT: "rejected", Decision.EXPIRE: "ended by its time limit"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says to an approval. `by` is client or operator, and `decider` the key's prefix or the operator's name."""

    approval_id: str
    decision: Verdict
    comment: str
    by: Approval.By
    decider: str


def answer(task_id: UUID, given: Answer, *, client_id: UUID | None = None) -> Task:
    """Take an answer, the client's own tasks alone where one is named; gives the task as it stands then.

    The same answer again changes nothing. Raises NotFound, and Conflict where another was first, or it comes too late.
    """
    with transaction.atomic():
        owner = {} if client_id is None else {"client_id": client_id}
        task = Task.objects.select_for_update(no_key=True).filter(pk=task_id, **owner).first()
        approval = Approval.objects.filter(task=task, approval_id=given.approval_id).first() if task else None
        if task is None or approval is None:
            raise NotFound
        if approval.decision and (approval.decision, approval.comment) == (given.decision, given.comment):
            return journal.load(task_id)
        if fault := _fault(task, approval):
            raise Conflict(fault)
        _take(task, approval, given.decision, comment=given.comment, by=given.by, decider=given.decider)
    return journal.load(task_id)


def expire(task: Task) -> None:
    """Answer what nobody answered in time, as each approval's rule says. The caller holds the row's lock."""
    for approval in Approval.objects.filter(task=task, decision="", expires_at__lte=Now()):
        decision = ON_TIMEOUT[approval.on_timeout]
        waited = round((approval.expires_at - approval.requested_at).total_seconds())
        comment = "" if decision == "expire" else f"Nobody answered within {waited} s."
        _take(task, approval, decision, comment=comment, by=By.TIMEOUT)
        if task.is_final:
            return


def _fault(task: Task, approval: Approval) -> str:
    """Why nobody can answer it now; empty when somebody can."""
    name = f"approval “{approval.approval_id}”"
    if approval.decision == Decision.MOOT or (task.is_final and not approval.decision):
        return f"The task is {task.status}; its {name} is not needed any more."
    if approval.decision:
        return f"The {name} was {TOLD[Decision(approval.decision)]} already."
    if not Approval.objects.filter(pk=approval.pk, expires_at__gt=Now()).exists():
        return f"The {name} expired at {approval.expires_at:%Y-%m-%dT%H:%M:%SZ}, unanswered."
    return ""


def _take(
    task: Task, approval: Approval, decision: e.Decision, *, comment: str, by: Approval.By, decider: str = ""
) -> None:
    columns = {"decision": decision, "comment": comment, "decided_by": by, "decider": decider}
    Approval.objects.filter(pk=approval.pk).update(**columns, decided_at=Now())
    answered = e.ApprovalAnswered(
        run=approval.run, approval_id=approval.approval_id, decision=decision, by=by, comment=comment
    )
    if decision == "expire" and task.status != Task.Status.RUNNING:
        # Nobody has to run it for that.
        waited = round((approval.expires_at - approval.requested_at).total_seconds())
        lifecycle.end_unrun(task, answered, unanswered(waited).event)
        task.status = Task.Status.FAILED
    elif task.status == Task.Status.AWAITING_APPROVAL:
        lifecycle.requeue(task, answered)
        task.status = Task.Status.QUEUED
        transaction.on_commit(partial(outbox.announce, task))
    else:
        lifecycle.add(task, [answered])
    transaction.on_commit(partial(_tell, task, approval, decision, by))


def _tell(task: Task, approval: Approval, decision: str, by: str) -> None:
    metrics.approvals_total.labels(decision).inc()
    log(__name__).info(
        "agent_approval_answered",
        task_id=str(task.pk),
        client_id=str(task.client_id),
        approval_id=approval.approval_id,
        kind=approval.kind,
        decision=decision,
        by=by,
    )
