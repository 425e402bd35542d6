"""Making a test case of a task that clients sent, with one click: what was asked, and what its feedback says of the answer."""

from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from agents import journal, presenting
from agents.engine.events import TaskAccepted
from agents.evals.models import Case, Check, DataSet
from agents.models import Task

DATA_SET = "Regressions"
GOOD_RATING = 4
MOST_CHARACTERS = 4000


@transaction.atomic
def from_task(task: Task, *, actor: Actor) -> Case:
    """A case of the agent's data set “Regressions”, which is made when it is first needed; the same case when there is one.

    Raises ValidationError when the task's text is not kept any more.
    """
    if task.journal_pruned_at:
        raise ValidationError("The task's text was dropped with its journal, so there is nothing to make a case of.")
    if known := task.cases.first():
        return known
    _, accepted = journal.events(task.pk)[0]
    given = cast(TaskAccepted, accepted).input
    data_set, is_new = DataSet.objects.get_or_create(agent=task.agent_version.agent, name=DATA_SET)
    if is_new:
        audit.record(actor, "created", data_set)
    case = Case.objects.create(
        data_set=data_set,
        name=_name(task),
        task=given.task,
        context=given.context or {},
        from_task=task,
        created_by=actor.name,
    )
    Check.objects.create(case=case, kind=Check.Kind.JUDGE, value=_rubric(task)[:MOST_CHARACTERS])
    audit.record(actor, "created", case)
    return case


def _name(task: Task) -> str:
    """When it was, and how it was rated; not what was said, for names stand in the audit."""
    said: Any = getattr(task, "feedback", None)
    return f"Task of {task.created_at:%Y-%m-%d %H:%M:%S}{f', rated {said.rating} of 5' if said else ''}"


def _rubric(task: Task) -> str:
    """What the judge is asked: by the correction, the complaint, or else the answer that was given."""
    said: Any = getattr(task, "feedback", None)
    if said and said.correction:
        return f"The answer says in essence what this one says: {said.correction}"
    if said and said.rating < GOOD_RATING:
        complaint = said.comment or ", ".join(said.tags)
        if complaint:
            return f"Of the answer one could not say this: {complaint}"
        return f"The answer is better than this one, which was rated {said.rating} of 5: {presenting.said(task)}"
    return f"The answer says in essence what this one says: {presenting.said(task)}"
