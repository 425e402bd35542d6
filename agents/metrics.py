"""What /metrics shows of the agents' tables."""

import time

from django.db.models import Count
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from agentplatform.database import in_database
from agents import outbox
from agents.models import Task, UnknownOutcome
from agents.usage import rollup

KEPT_SECONDS = 15.0
UNENDED = [status for status in Task.Status if status not in Task.FINAL]

_kept: tuple[float, list[Metric]] = (-KEPT_SECONDS, [])


async def gauges() -> list[Metric]:
    """Tasks by status, the age of the oldest that waits for a worker, and what waits for operators.

    Looked up at most once in KEPT_SECONDS. Raises Unavailable.
    """
    global _kept
    looked_at, metrics = _kept
    if time.monotonic() - looked_at >= KEPT_SECONDS:
        metrics = await in_database(_looked_up)
        _kept = (time.monotonic(), metrics)
    return metrics


def forget() -> None:
    """Drop what is kept, so that the next call looks."""
    global _kept
    _kept = (-KEPT_SECONDS, [])


def _looked_up() -> list[Metric]:
    """Unended tasks through their index; ended ones, all there ever were, from the roll-ups, which are few rows."""
    unended = Task.objects.filter(status__in=UNENDED).order_by().values_list("status").annotate(count=Count("pk"))
    counts = dict.fromkeys(Task.Status.values, 0) | dict(unended) | rollup.ended()
    tasks = GaugeMetricFamily("agent_tasks", "Tasks by status.", labels=["status"])
    for status, count in counts.items():
        tasks.add_metric([status], count)
    oldest = outbox.longest_wait().total_seconds()
    outcomes = UnknownOutcome.objects.filter(decision="").count()
    return [
        tasks,
        GaugeMetricFamily(
            "agent_oldest_queued_seconds", "How long the oldest waits of the tasks that wait for a worker.", oldest
        ),
        GaugeMetricFamily("agent_unknown_outcomes", "Unsafe calls whose outcome operators have to decide.", outcomes),
    ]
