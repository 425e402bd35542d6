"""What operators say of unsafe calls whose outcome nobody knows."""

from django.db import transaction
from django.db.models.functions import Now

from agents import lifecycle
from agents.engine import events as e
from agents.models import Task, UnknownOutcome

Decision = UnknownOutcome.Decision


class CannotResolve(ValueError):
    """The outcome cannot be resolved like this now; the message says why."""


def resolve(outcome_id: int, decision: str, *, by: str, result: str = "") -> Task:
    """Let the task go on: call the tool again, take `result` for what it gave, or end the task as failed.

    With several open outcomes, the task goes on after the last. Raises CannotResolve, and UnknownOutcome.DoesNotExist.
    """
    with transaction.atomic():
        task_id = UnknownOutcome.objects.values_list("task_id", flat=True).get(pk=outcome_id)
        # The task first, as everywhere, so that nobody waits for each other.
        task = Task.objects.select_for_update().get(pk=task_id)
        outcome = UnknownOutcome.objects.get(pk=outcome_id)
        if outcome.decision:
            raise CannotResolve(f"It is decided already: {outcome.get_decision_display()}.")
        if decision not in (Decision.RETRY, Decision.DONE, Decision.FAIL):
            raise CannotResolve("The decision is retry, done or fail.")
        if task.status != Task.Status.AWAITING_APPROVAL:
            raise CannotResolve("Other parts of the task still run; decide when it waits, in a moment.")
        _note(outcome, decision, by=by, result=result)
        resolved = e.OutcomeResolved(run=outcome.run, call_id=outcome.call_id, decision=decision, by=by)
        if decision == Decision.FAIL:
            failure = f"It is not known whether the call of {outcome.tool} took effect, and an operator ended the task."
            ended = e.TaskEnded(status=Task.Status.FAILED, exit_reason="tool_failed", message=failure)
            lifecycle.end_unrun(task, resolved, ended)
            return task
        lifecycle.add(task, [resolved, *_returned(outcome, decision, result)])
        if not UnknownOutcome.objects.filter(task=task, decision="").exists():
            lifecycle.requeue(task)
        return task


def _returned(outcome: UnknownOutcome, decision: str, result: str) -> list[e.Event]:
    if decision == Decision.RETRY:
        return []
    return [
        e.ToolReturned(run=outcome.run, step=outcome.step, call_id=outcome.call_id, tool=outcome.tool, output=result)
    ]


def _note(outcome: UnknownOutcome, decision: str, *, by: str, result: str) -> None:
    outcome.decision, outcome.result, outcome.decided_by = decision, result, by
    UnknownOutcome.objects.filter(pk=outcome.pk).update(
        decision=decision, result=result, decided_by=by, decided_at=Now()
    )
