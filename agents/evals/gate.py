"""The gate before a release: the required data sets of an agent have to pass, and it says what got worse."""

from agents.evals.models import DataSet, Outcome, Run
from agents.models import AgentVersion

SHOWN_CASES = 5


def why_closed(version: AgentVersion) -> list[str]:
    """Why a version may not be offered yet, a sentence for each data set that it has not passed; empty when it may."""
    required = DataSet.objects.select_related("agent").filter(agent=version.agent_id, is_required=True)
    found = (_why_closed(version, data_set) for data_set in required.exclude(cases=None))
    return list(filter(None, found))


def counting_run(version: AgentVersion, data_set: DataSet) -> Run | None:
    """The version's newest finished run on the cases as they are now."""
    runs = Run.objects.filter(version=version, data_set=data_set, status=Run.Status.FINISHED)
    return runs.filter(digest=data_set.digest()).first()


def worse(run: Run, than: Run | None) -> list[str]:
    """The names of the cases that fail in a run and passed in another."""
    passed = set(than.outcomes.filter(state=Outcome.State.PASSED).values_list("case_id", flat=True)) if than else set()
    failed = run.outcomes.filter(state=Outcome.State.FAILED, case_id__in=passed)
    return list(failed.values_list("name", flat=True))


def published_run(data_set: DataSet) -> Run | None:
    """The newest finished run of the version that is published now."""
    finished = Run.objects.filter(data_set=data_set, status=Run.Status.FINISHED).select_related("version__agent")
    return finished.filter(version__status=AgentVersion.Status.PUBLISHED).first()


def _why_closed(version: AgentVersion, data_set: DataSet) -> str:
    run = counting_run(version, data_set)
    if run is None:
        return f"It has to pass the data set “{data_set.name}” first, and was not run on its cases as they are now."
    if run.passed * 100 >= data_set.pass_percent * run.total:
        return ""
    told = f"Of “{data_set.name}” {run.passed} of {run.total} cases pass; {data_set.pass_percent} % have to."
    before = published_run(data_set)
    if before and (lost := worse(run, before)):
        more = f" and {len(lost) - SHOWN_CASES} more" if len(lost) > SHOWN_CASES else ""
        told += f" Worse than v{before.version.number}: {', '.join(lost[:SHOWN_CASES])}{more}."
    return told
