"""What clients' tasks say of a candidate beside the published version: shares and means, with how sure they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, F, FloatField, Min, Q, Variance
from django.db.models.functions import Cast

from agents.evals import intervals
from agents.evals.intervals import Interval, Sample
from agents.models import AgentVersion, Task

MOST_TASKS = 20_000
"""Of each version, the newest: enough for any interval, and quick to count."""


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of both versions, as text, and what their difference says."""

    name: str
    old: str
    new: str
    difference: str = ""
    verdict: str = ""
    """better, worse, or nothing while it may be chance."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean that is compared: how it is written, and whether more of it is better."""

    name: str
    column: str
    form: str
    is_good: bool = False


MEANS = (
    Measure("Rating, of 5", "rating", "{:.2f}", is_good=True),
    Measure("Cost in $", "cost", "{:.5f}"),
    Measure("Seconds", "seconds", "{:.2f}"),
)


def compared(published: AgentVersion, candidate: AgentVersion) -> list[Line]:
    """The measures of both, over their tasks since the candidate's first; empty before that."""
    since = Task.objects.filter(agent_version=candidate, is_cached=False).aggregate(first=Min("created_at"))["first"]
    if since is None:
        return []
    old, new = (_figures(version, since) for version in (published, candidate))
    ended = Line("Tasks that ended", f"{old['ended']:,}", f"{new['ended']:,}")
    return [ended, _completed(old, new), *(_mean(measure, old, new) for measure in MEANS)]


def _figures(version: AgentVersion, since: datetime) -> dict[str, Any]:
    ended = Task.objects.filter(
        agent_version=version,
        is_cached=False,
        created_at__gte=since,
        status__in=(Task.Status.COMPLETED, Task.Status.FAILED),
    )
    newest = Task.objects.filter(pk__in=ended.order_by("-created_at").values("pk")[:MOST_TASKS])
    values: dict[str, Any] = {
        "cost": Cast("cost_usd", FloatField()),
        "seconds": F("ran_seconds"),
        "rating": Cast("feedback__rating", FloatField()),
    }
    aggregates = {
        f"{name}_{what}": aggregate
        for name, value in values.items()
        for what, aggregate in {
            "count": Count(value),
            "mean": Avg(value),
            "variance": Variance(value, sample=True),
        }.items()
    }
    completed = Count("pk", filter=Q(status=Task.Status.COMPLETED))
    figures: dict[str, Any] = newest.aggregate(ended=Count("pk"), completed=completed, **aggregates)
    return figures


def _completed(old: dict[str, Any], new: dict[str, Any]) -> Line:
    shares = [intervals.share(each["completed"], each["ended"]) for each in (old, new)]
    shown = [f"{each.at:.1%} ({each.low:.1%} to {each.high:.1%})" if each else "–" for each in shares]
    difference = intervals.share_difference(shares[1], shares[0])
    return Line("Completed", shown[0], shown[1], _told(difference, "{:+.1%}"), _verdict(difference, is_good=True))


def _mean(measure: Measure, old: dict[str, Any], new: dict[str, Any]) -> Line:
    samples = [
        Sample(*(each[f"{measure.column}_{what}"] or 0 for what in ("count", "mean", "variance")))
        for each in (old, new)
    ]
    shown = [measure.form.format(each.mean) if each.count else "–" for each in samples]
    difference = intervals.mean_difference(samples[1], samples[0])
    told = _told(difference, measure.form.replace(":", ":+"))
    return Line(measure.name, shown[0], shown[1], told, _verdict(difference, is_good=measure.is_good))


def _told(difference: Interval | None, form: str) -> str:
    if difference is None:
        return "too few"
    return f"{form.format(difference.at)} ({form.format(difference.low)} to {form.format(difference.high)})"


def _verdict(difference: Interval | None, *, is_good: bool) -> str:
    if difference is None or not difference.is_clear:
        return ""
    return "better" if (difference.at > 0) == is_good else "worse"
