"""Running a version on a data set: each case is a task of the console's, and the sweeper moves the run on as they end.

So a run survives whatever its tasks survive: all that is known of it stands in the database. To be run through `in_database`.
"""

from collections.abc import Iterable
from dataclasses import asdict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q, Window
from django.db.models.functions import Now, RowNumber
from pydantic import ValidationError as BadTask

from accounts import audit
from accounts.audit import Actor
from agentplatform.errors import InjectionDetected, PlatformError
from agentplatform.logs import log
from agents import console_tasks, lifecycle, presenting, publishing
from agents.engine import events as e
from agents.evals import checks, judge
from agents.evals.checks import Answer, Finding
from agents.evals.models import Check, DataSet, Outcome, Run
from agents.models import AgentVersion, Event, Task

AT_ONCE = 20
"""Tasks of one run in the queue at a time: a large data set does not keep clients waiting."""
MOST_CASES = 2000
KEPT_RUNS = 100
"""Of each data set, the newest."""
KEPT_CHARACTERS = 20_000
State = Outcome.State
ENDED = (Run.Status.FINISHED, Run.Status.STOPPED)


@transaction.atomic
def start(data_set: DataSet, version: AgentVersion, *, actor: Actor) -> Run:
    """Begin a run. Raises ValidationError for a version of another agent, no cases or too many, or what cannot run."""
    if version.agent_id != data_set.agent_id:
        raise ValidationError(f"{version} is no version of {data_set.agent}.")
    if version.strategy != AgentVersion.Strategy.CODE and (found := publishing.faults(version)):
        raise ValidationError([f"{version} cannot run. {fault}" for fault in found])
    cases = list(data_set.cases.prefetch_related("checks"))
    if not 1 <= len(cases) <= MOST_CASES:
        raise ValidationError(f"{data_set} has {len(cases)} cases; a run takes 1 to {MOST_CASES:,}.")
    run = Run.objects.create(
        data_set=data_set,
        version=version,
        digest=data_set.digest(),
        total=len(cases),
        started_by=actor.name,
    )
    Outcome.objects.bulk_create(
        Outcome(
            run=run,
            case=case,
            name=case.name,
            asked=case.task,
            context=case.context,
            checks=[(check.kind, check.value) for check in case.checks.all()],
        )
        for case in cases
    )
    audit.record(actor, "created", run)
    return run


@transaction.atomic
def stop(run: Run, *, actor: Actor) -> None:
    """End a run before its time: what is under way is cancelled, what came of it so far stays."""
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.status != Run.Status.RUNNING:
        raise ValidationError(f"The run has ended: it is {run.status}.")
    before = audit.snapshot(run)
    for outcome in run.outcomes.exclude(state__in=Outcome.FINAL).select_related("task", "judgement"):
        for task in filter(None, (outcome.task, outcome.judgement)):
            lifecycle.request_cancel(task.pk, task.client_id, "operator")
    _count(run)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.STOPPED, ended_at=Now())
    run.refresh_from_db()
    audit.record(actor, "stopped", run, before=before)


def advance() -> int:
    """Move every run on by what has ended since; gives how many cases moved. Several sweepers may."""
    return sum(_advance(pk) for pk in list(Run.objects.filter(status=Run.Status.RUNNING).values_list("pk", flat=True)))


def prune() -> int:
    """Drop the runs that are older than the newest of their data set that are kept. Returns how many."""
    number = Window(RowNumber(), partition_by="data_set", order_by="-pk")
    old = Run.objects.annotate(number=number).filter(number__gt=KEPT_RUNS).values_list("pk", flat=True)
    return Run.objects.filter(pk__in=list(old), status__in=ENDED).delete()[1].get("evals.Run", 0)


@transaction.atomic
def _advance(run_id: int) -> int:
    running = Run.objects.filter(pk=run_id, status=Run.Status.RUNNING).select_related("version__agent")
    run = running.select_for_update(of=("self",), skip_locked=True).first()
    if run is None:
        return 0
    moved = 0
    under_way = list(run.outcomes.filter(state__in=(State.RUNNING, State.JUDGED)).select_related("task", "judgement"))
    for outcome in under_way:
        moved += _move(outcome)
    free = AT_ONCE - sum(outcome.state not in Outcome.FINAL for outcome in under_way)
    for outcome in run.outcomes.filter(state=State.WAITING)[: max(0, free)]:
        _begin(outcome, run)
        moved += 1
    if moved:
        _count(run)
    if run.passed + run.failed == run.total:
        Run.objects.filter(pk=run.pk).update(status=Run.Status.FINISHED, ended_at=Now())
        log(__name__).info(
            "eval_run_finished", run=run.pk, version=str(run.version), passed=run.passed, total=run.total
        )
    return moved


def _count(run: Run) -> None:
    counted = run.outcomes.aggregate(
        passed=Count("pk", filter=Q(state=State.PASSED)), failed=Count("pk", filter=Q(state=State.FAILED))
    )
    run.passed, run.failed = counted["passed"], counted["failed"]
    run.save(update_fields=["passed", "failed"])


def _begin(outcome: Outcome, run: Run) -> None:
    try:
        outcome.task = console_tasks.begin(
            run.version, outcome.asked, outcome.context, metadata={"eval_run": run.pk, "case": outcome.name}
        )
    except InjectionDetected as refusal:
        _judge(outcome, Answer(refusal.detail, "guardrail_blocked", frozenset(), 0, outcome.cost_usd))
    except (PlatformError, BadTask) as refusal:
        told = refusal.detail if isinstance(refusal, PlatformError) else str(refusal.errors()[0]["msg"])
        _end(outcome, [Finding(Check.Kind.ENDS, "completed", holds=False, why=f"It was not accepted: {told}")])
    else:
        outcome.state = State.RUNNING
        outcome.save(update_fields=["task", "state"])


def _move(outcome: Outcome) -> int:
    """Go on with a case whose task has ended; 1 when it did."""
    if outcome.state == State.RUNNING:
        if outcome.task is None:
            _end(outcome, [_gone("Its task")])
        elif outcome.task.is_final:
            _judge(outcome, _answer(outcome.task))
        else:
            return 0
        return 1
    if outcome.judgement and not outcome.judgement.is_final:
        return 0
    before = [Finding(**found) for found in outcome.findings]
    if outcome.judgement is None:
        _end(outcome, [*before, _gone("The judge's task")])
    else:
        outcome.cost_usd += outcome.judgement.cost_usd
        _end(outcome, [*before, *judge.verdicts(outcome.judgement, _rubrics(outcome))])
    return 1


def _judge(outcome: Outcome, answer: Answer) -> None:
    """Check an answer; where the rest holds and a rubric is left, ask the judge."""
    outcome.answer = answer.text[:KEPT_CHARACTERS]
    outcome.seconds, outcome.cost_usd = answer.seconds, answer.cost_usd
    found = checks.judged([(kind, value) for kind, value in outcome.checks], answer)
    rubrics = _rubrics(outcome)
    if not rubrics or not all(finding.holds for finding in found):
        _end(outcome, found)
        return
    try:
        outcome.judgement = judge.ask(outcome.asked, answer, rubrics, metadata={"eval_run": outcome.run_id})
    except (PlatformError, BadTask) as refusal:
        told = refusal.detail if isinstance(refusal, PlatformError) else "task and answer are too long for it."
        _end(
            outcome,
            [*found, Finding(Check.Kind.JUDGE, rubrics[0], holds=False, why=f"No judge could be asked: {told}")],
        )
        return
    outcome.state, outcome.findings = State.JUDGED, _kept(found)
    outcome.save()


def _end(outcome: Outcome, found: list[Finding]) -> None:
    outcome.state = State.PASSED if all(finding.holds for finding in found) else State.FAILED
    outcome.findings = _kept(found)
    outcome.save()


def _answer(task: Task) -> Answer:
    value = task.result if task.status == Task.Status.COMPLETED else presenting.said(task)
    called = Event.objects.filter(task_id=task.pk, type=e.ToolCalled.__name__).values_list("data", flat=True)
    tools = frozenset(str(data["call"]["name"]) for data in called)
    return Answer(value, task.exit_reason, tools, task.ran_seconds, task.cost_usd)


def _rubrics(outcome: Outcome) -> list[str]:
    return [value for kind, value in outcome.checks if kind == Check.Kind.JUDGE]


def _gone(what: str) -> Finding:
    return Finding(Check.Kind.ENDS, "completed", holds=False, why=f"{what} is not kept any more.")


def _kept(found: Iterable[Finding]) -> list[dict[str, object]]:
    return [asdict(finding) for finding in found]
