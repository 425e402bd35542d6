"""The figures of the console's first page: what runs now, and what became of tasks in a stretch of time.

Short stretches are read from the tasks themselves, through their index and at most so many; longer ones from the roll-ups, which
are few rows whatever came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Avg, Count
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Client, Refusal
from accounts.money.forecast import Forecast, forecast
from accounts.money.models import Balance
from agentplatform.doctor.examining import bounded
from agents import outbox, presence
from agents.models import AgentVersion, Process, Task, UnknownOutcome
from agents.usage.models import NO_CLIENT
from agents.webhooks.models import Delivery

MOST_TASKS = 50_000
"""Tasks of a short stretch that are read, the newest; with more, the page says so."""
SHOWN = 12
MOST_CLIENTS = 200
"""Of which those that are shown are chosen, also by their names."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """How far back the page looks, and how long each bar of its chart is."""

    name: str
    title: str
    length: timedelta
    bar: timedelta

    @property
    def is_short(self) -> bool:
        """Whether single tasks are read."""
        return self.length <= timedelta(days=1)


STRETCHES = {
    each.name: each
    for each in (
        Stretch("hour", "Last hour", timedelta(hours=1), timedelta(minutes=2)),
        Stretch("day", "Last day", timedelta(days=1), timedelta(hours=1)),
        Stretch("week", "Last week", timedelta(days=7), timedelta(days=1)),
        Stretch("month", "Last month", timedelta(days=30), timedelta(days=1)),
        Stretch("quarter", "Last quarter", timedelta(days=91), timedelta(days=7)),
    )
}


@dataclass(slots=True)
class Line:
    """What became of some tasks together. Seconds are None where single tasks are not read."""

    name: str = ""
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    cached: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def ended(self) -> int:
        return self.completed + self.failed + self.cancelled

    @property
    def failed_share(self) -> float:
        """Of the ended ones, in per cent."""
        return 100 * self.failed / self.ended if self.ended else 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart: where it begins, and its parts as shares of the highest bar."""

    at: datetime
    line: Line
    completed: float
    failed: float
    cancelled: float


@dataclass(slots=True)
class Figures:
    """All that the page shows."""

    stretch: Stretch
    now: dict[str, int] = field(default_factory=dict)
    longest_wait: timedelta = timedelta()
    processes: list[Process] = field(default_factory=list)
    total: Line = field(default_factory=Line)
    agents: list[Line] = field(default_factory=list)
    versions: list[Line] = field(default_factory=list)
    """Of a short stretch."""
    clients: list[Line] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    reasons: list[tuple[str, int]] = field(default_factory=list)
    refusals: list[tuple[str, int]] = field(default_factory=list)
    rating: float | None = None
    ratings: int = 0
    budgets: list[tuple[Balance, float, Forecast | None]] = field(default_factory=list)
    waiting_for_people: int = 0
    failed_deliveries: int = 0
    is_cut: bool = False


def figures(stretch: Stretch) -> Figures:
    """Read them all. Raises OperationalError where a statement takes longer than the doctor's checks may."""
    with bounded():
        found = Figures(stretch)
        _look_around(found)
        _of_the_past(found)
        since = Now() - stretch.length
        refusals = Refusal.objects.filter(at__gt=since).values_list("code").annotate(count=Count("pk"))
        found.refusals = list(refusals.order_by("-count", "code")[:SHOWN])
        found.rating, found.ratings = _rating(stretch)
        return found


def _look_around(found: Figures) -> None:
    unended = Task.objects.filter(status__in=("queued", "running", "awaiting_approval"))
    found.now = dict(unended.order_by().values_list("status").annotate(count=Count("pk")))
    found.longest_wait = outbox.longest_wait()
    found.processes = list(Process.objects.filter(seen_at__gt=Now() - presence.KEPT).order_by("kind", "name"))
    found.waiting_for_people = UnknownOutcome.objects.filter(decision="").count()
    lately = Delivery.objects.filter(state=Delivery.State.FAILED, created_at__gt=Now() - timedelta(days=2))
    found.failed_deliveries = lately.count()
    balances = Balance.objects.select_related("budget__client").filter(budget__limit_usd__gt=0)
    latest = balances.order_by("budget_id", "-period_start").distinct("budget_id")
    now = timezone.now()
    shares = [
        (each, float(100 * each.spent_usd / each.budget.limit_usd), forecast(each, now)) for each in latest[:1000]
    ]
    # Those that will be used up come first, the soonest of them at the top.
    found.budgets = sorted(shares, key=_urgency)[:6]


def _urgency(budget: tuple[Balance, float, Forecast | None]) -> tuple[float, float]:
    """What is used up, or soonest will be, comes first; then what is nearest to its limit."""
    _, share, foretold = budget
    ends = foretold.used_up_at if foretold else None
    return (0.0 if share >= 100 else ends.timestamp() if ends else float("inf"), -share)


def _rating(stretch: Stretch) -> tuple[float | None, int]:
    feedback: Any = apps.get_model(
        "feedback", "Feedback"
    )  # of an app above this one; by its own index, without the tasks
    told = (
        feedback.objects.filter(created_at__gt=Now() - stretch.length)
        .order_by()
        .aggregate(mean=Avg("rating"), count=Count("pk"))
    )
    return told["mean"], told["count"]


NEWEST = """
    SELECT agent_type, agent_version_id, client_id, status, exit_reason, is_cached, input_tokens + output_tokens AS tokens,
        cost_usd, created_at,
        EXTRACT(EPOCH FROM completed_at - created_at)::float8 AS seconds
    FROM agents_task WHERE created_at > now() - %(length)s::interval ORDER BY created_at DESC, id DESC LIMIT %(most)s
"""
COUNTS = """
    count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
    count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE is_cached),
    coalesce(sum(tokens), 0)::bigint, coalesce(sum(cost_usd), 0)
"""
SECONDS = "percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds)"
OF_TASKS = f"""
    WITH newest AS MATERIALIZED ({NEWEST})
    SELECT GROUPING(agent_version_id, agent_type, client_id, exit_reason, bar), agent_version_id, agent_type, client_id,
        exit_reason, bar, {COUNTS}, {SECONDS}, count(*)
    FROM (SELECT *, date_bin(%(bar)s::interval, created_at, 'epoch') AS bar FROM newest) AS task
    GROUP BY GROUPING SETS ((), (agent_version_id), (agent_type), (client_id), (exit_reason), (bar))
"""  # noqa: S608  # made of our own constants
ALL, BY_VERSION, BY_AGENT, BY_CLIENT, BY_BAR = 0b11111, 0b01111, 0b10111, 0b11011, 0b11110


SUMS = """
    sum(completed)::bigint, sum(failed)::bigint, sum(cancelled)::bigint, sum(cached)::bigint,
    sum(input_tokens + output_tokens)::bigint, sum(cost_usd), NULL, count(*)
"""
# Each day has a line for each agent and one for each client; either kind tells of all tasks.
OF_DAYS = f"""
    WITH used AS (
        SELECT day, agent_type, client_id, completed, failed, cancelled, cached, input_tokens, output_tokens, cost_usd
        FROM usage_dailytotal WHERE day > (now() - %(length)s::interval)::date
        UNION ALL
        SELECT day, told.agent_type, told.client_id, completed, failed, cancelled, cached, input_tokens, output_tokens, cost_usd
        FROM usage_endedtask ended CROSS JOIN LATERAL (VALUES (ended.agent_type, %(no_client)s), ('', ended.client_id))
            AS told(agent_type, client_id)
        WHERE day > (now() - %(length)s::interval)::date
    )
    SELECT 22 + 8 * GROUPING(agent_type) + GROUPING(bar), NULL, agent_type, NULL, NULL, bar, {SUMS}
    FROM (SELECT *, date_bin(%(bar)s::interval, day::timestamptz, 'epoch') AS bar FROM used WHERE agent_type <> '') AS of_agents
    GROUP BY GROUPING SETS ((), (agent_type), (bar))
    UNION ALL (
        SELECT {BY_CLIENT}, NULL, NULL, client_id, NULL, NULL, {SUMS} FROM used WHERE agent_type = '' GROUP BY client_id
        ORDER BY sum(completed + failed + cancelled) DESC LIMIT {MOST_CLIENTS}
    )
"""  # noqa: S608  # made of our own constants


def _of_the_past(found: Figures) -> None:
    """What became of tasks: single ones of a short stretch, sums of days of a longer one."""
    stretch, bars = found.stretch, dict[datetime, Line]()
    clients: dict[Any, Line] = {}
    versions: dict[Any, Line] = {}
    with connection.cursor() as cursor:
        query = OF_TASKS if stretch.is_short else OF_DAYS
        cursor.execute(query, {**_lengths(stretch), "most": MOST_TASKS, "no_client": NO_CLIENT})
        for kind, version, agent, client, reason, bar, *counts, seconds, count in cursor.fetchall():
            line = _line(agent, counts, seconds or (None, None, None))
            if kind == ALL:
                found.total, found.is_cut = line, stretch.is_short and count >= MOST_TASKS
            elif kind == BY_VERSION:
                versions[version] = line
            elif kind == BY_AGENT:
                found.agents.append(line)
            elif kind == BY_CLIENT:
                clients[client] = line
            elif kind == BY_BAR:
                bars[bar] = line
            elif reason not in (None, "", "completed"):
                found.reasons.append((reason, count))
    names = dict(Client.objects.filter(pk__in=list(clients)).values_list("pk", "name"))
    for key, line in clients.items():
        line.name = names.get(key, "–")
    for named in AgentVersion.objects.select_related("agent").filter(pk__in=list(versions)):
        versions[named.pk].name = str(named)
    found.versions = _largest(versions.values())
    found.agents = _largest(found.agents)
    found.clients = _largest(clients.values())
    found.reasons = sorted(found.reasons, key=lambda pair: -pair[1])[:SHOWN]
    found.bars = list(_chart(stretch, bars))


def _lengths(stretch: Stretch) -> dict[str, str]:
    return {"length": f"{stretch.length.total_seconds()} s", "bar": f"{stretch.bar.total_seconds()} s"}


def _line(name: str | None, counts: Sequence[Any], seconds: Sequence[float | None]) -> Line:
    completed, failed, cancelled, cached, tokens, cost = (count or 0 for count in counts)
    return Line(name or "", completed, failed, cancelled, cached, tokens, Decimal(cost), *seconds)


def _largest(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.ended, line.name))[:SHOWN]


def _chart(stretch: Stretch, lines: dict[datetime, Line]) -> Iterable[Bar]:
    """Each bar of the stretch, the empty ones too."""
    seconds = stretch.bar.total_seconds()
    last = int(datetime.now(UTC).timestamp() // seconds)
    count = round(stretch.length / stretch.bar)
    highest = max((line.ended for line in lines.values()), default=0) or 1
    for number in range(last - count + 1, last + 1):
        at = datetime.fromtimestamp(number * seconds, UTC)
        line = lines.get(at, Line())
        shares = (100 * part / highest for part in (line.completed, line.failed, line.cancelled))
        yield Bar(at, line, *shares)
