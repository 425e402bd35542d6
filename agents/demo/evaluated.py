"""A data set with cases, checks and a finished run, as the console's pages of evaluations show them."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from agents.evals.checks import Answer, judged
from agents.evals.models import Case, Check, DataSet, Outcome, Run
from agents.models import Agent, AgentVersion

WHO = "demodata"
CASES = (
    ("Return policy", "How long may goods be sent back?", "Goods go back within thirty days.", "thirty days"),
    (
        "Delayed delivery",
        "Write to a customer whose parcel is late.",
        "We are sorry that your parcel is late.",
        "sorry",
    ),
    ("Invoice", "When is an invoice due?", "Within a week.", "seven days"),
    ("Opening hours", "Is the help desk open on the 25th?", "No, it opens again on the 27th.", "No"),
)


def make(agent: Agent) -> None:
    """The data set of an agent, and what its published version made of it: three of four."""
    data_set = DataSet.objects.create(agent=agent, name="everyday letters", pass_percent=75)
    asked = []
    for name, task, answer, wanted in CASES:
        case = Case.objects.create(data_set=data_set, name=name, task=task, created_by=WHO)
        Check.objects.create(case=case, kind=Check.Kind.CONTAINS, value=wanted)
        asked.append((case, answer, [(str(Check.Kind.CONTAINS), wanted)]))
    ended = timezone.now() - timedelta(days=2)
    run = Run.objects.create(
        data_set=data_set,
        version=AgentVersion.objects.get(agent=agent),
        status=Run.Status.FINISHED,
        digest=data_set.digest(),
        total=len(asked),
        started_by=WHO,
        started_at=ended - timedelta(seconds=40),
        ended_at=ended,
    )
    for number, (case, answer, checks) in enumerate(asked, 1):
        told = Answer(answer, "completed", frozenset(), 1.5 * number, Decimal("0.0004") * number)
        found = judged(checks, told)
        Outcome.objects.create(
            run=run,
            case=case,
            name=case.name,
            asked=case.task,
            checks=checks,
            state=Outcome.State.PASSED if all(each.holds for each in found) else Outcome.State.FAILED,
            answer=answer,
            findings=[asdict(each) for each in found],
            seconds=told.seconds,
            cost_usd=told.cost_usd,
        )
    outcomes = run.outcomes
    run.passed = outcomes.filter(state=Outcome.State.PASSED).count()
    run.failed = run.total - run.passed
    run.save(update_fields=["passed", "failed"])
