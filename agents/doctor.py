"""What the doctor looks at of agents and their tasks, and the remedies that are safe at any time."""

from collections.abc import Iterator
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import Now
from django.template.defaultfilters import pluralize

from agentplatform.doctor import room
from agentplatform.doctor.examining import bounded
from agentplatform.doctor.findings import Finding, ok, problem, warning
from agents import llm, outbox, presence, sweeper
from agents.models import Process, Task, UnknownOutcome
from agents.webhooks.models import Delivery

STUCK_AFTER = timedelta(minutes=1)
LATELY = timedelta(days=2)  # a delivery is given up a day after it was made
LEAST_FREE = 0.05
LEAST_DAYS = 60
LEAST_TASKS = 1000  # of fewer, the room that one takes tells nothing
MAKE_ROOM = "Make room, or keep tasks and journals for fewer days (TASKS_KEPT_DAYS, JOURNAL_KEPT_DAYS)."
UNSWEPT = "A sweeper mends it within seconds where one runs; or sweep now."
Status = Task.Status


def processes() -> Iterator[Finding]:
    """Whether workers and sweepers run, and what they do."""
    seen = Process.objects.filter(seen_at__gt=Now() - presence.KEPT)
    found = {row["kind"]: row for row in seen.values("kind").annotate(count=Count("pk"), tasks=Sum("running_tasks"))}
    for kind, command, lost in (
        ("worker", "celery -A agentplatform worker", "background tasks wait"),
        ("sweeper", "manage.py runsweeper", "lost messages, takeovers and deadlines wait"),
    ):
        if row := found.get(kind):
            tasks = f", with {row['tasks']} task{pluralize(row['tasks'])} in hand" if kind == "worker" else ""
            yield ok(f"{row['count']} {kind}{pluralize(row['count'], ' runs,s run')}{tasks}.")
        else:
            yield problem(
                f"No {kind} has been seen for {presence.KEPT.seconds} s, so {lost}.", f"Start one: {command}."
            )


def provider() -> Iterator[Finding]:
    """Whether the model provider answers."""
    match async_to_sync(_word_of_the_provider)():
        case "ok":
            yield ok(f"The provider answers; agents without a model of their own use {settings.AGENT_MODEL}.")
        case "circuit_open":
            yield problem(
                "The provider keeps failing, so it is left alone for a moment.",
                "See its status page, the key and its quota.",
            )
        case _:
            yield problem(
                "The provider does not answer.", "Check OPENAI_BASE_URL, OPENAI_API_KEY and the way out to it."
            )


def tasks() -> Iterator[Finding]:
    """Tasks that nobody moves on, and such as wait for operators."""
    with bounded():
        stuck = Task.objects.filter(status=Status.RUNNING, lease_expires_at__lt=Now() - STUCK_AFTER).count()
        waited = outbox.longest_wait()
        asking = UnknownOutcome.objects.filter(decision="").count()
    if stuck:
        yield problem(
            f"{stuck} running task{pluralize(stuck)} lost the process and {pluralize(stuck, 'was,were')} not taken over.",
            UNSWEPT,
            "sweep",
        )
    if waited > STUCK_AFTER:
        yield problem(
            f"A task has waited for a worker for {_span(waited)}.",
            "Start workers, or more of them; sweeping tells the workers again.",
            "sweep",
        )
    if asking:
        yield warning(
            f"{asking} unsafe call{pluralize(asking)} of unknown outcome wait{pluralize(asking, 's,')} for a decision.",
            "Decide in the console, under Unknown outcomes.",
        )
    if not stuck and not asking and waited <= STUCK_AFTER:
        yield ok("No task is stuck.")


def webhooks() -> Iterator[Finding]:
    """Deliveries that were given up lately, or are late."""
    with bounded():
        dead = Delivery.objects.filter(state=Delivery.State.FAILED, created_at__gt=Now() - LATELY)
        endpoints = list(dead.values("endpoint").annotate(count=Count("pk")).order_by("-count", "endpoint")[:3])
        late = Delivery.objects.filter(
            state=Delivery.State.PENDING, next_attempt_at__lt=Now() - 5 * STUCK_AFTER
        ).count()
    for row in endpoints:
        count, server = row["count"], row["endpoint"].rpartition(" ")[2]
        yield warning(
            f"{count} deliver{pluralize(count, 'y,ies')} to {server} {pluralize(count, 'was,were')} given up.",
            "Talk to its owner, then deliver again in the console, under Webhook deliveries.",
        )
    if late:
        yield warning(
            f"{late} deliver{pluralize(late, 'y,ies')} should have gone out minutes ago.",
            "Start a sweeper; or more of them.",
        )
    if not endpoints and not late:
        yield ok("No webhook of the last two days was given up, and none is late.")


def growth() -> Iterator[Finding]:
    """How large the database is, and when its disk will be full if tasks come as they did in the last week."""
    total, largest = room.taken()
    disk = room.disk()
    yield ok(f"The database takes {room.size(total)}; its largest tables are {largest}.")
    if disk is None:
        yield ok("Its disk is another machine's: see there how much is free.")
    elif disk.free < LEAST_FREE * disk.total:
        yield problem(f"{room.size(disk.free)} of {room.size(disk.total)} are free on its disk.", MAKE_ROOM)
    else:
        yield ok(f"{room.size(disk.free)} of {room.size(disk.total)} are free on its disk.")
        yield from _forecast(total, disk.free)


def _forecast(total: int, free: int) -> Iterator[Finding]:
    (kept,) = room.row("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'agents_task'::regclass")
    (lately,) = room.row(
        "SELECT coalesce(sum(completed + failed + cancelled), 0)::bigint FROM usage_dailytotal "
        "WHERE day >= CURRENT_DATE - 7 AND agent_type <> ''"
    )
    if kept < LEAST_TASKS or not lately:
        return
    a_day = lately / 7
    grows = a_day * total / kept
    full_in = free / grows
    if settings.TASKS_KEPT_DAYS and kept + a_day * full_in > a_day * settings.TASKS_KEPT_DAYS:
        most = room.size(a_day * settings.TASKS_KEPT_DAYS * total / kept)
        yield ok(
            f"With {a_day:.0f} tasks a day, kept for {settings.TASKS_KEPT_DAYS} days, it will level off at about {most}."
        )
        return
    told = f"With {a_day:.0f} tasks a day it grows by {room.size(grows)} a day: the disk is full in {full_in:.0f} days."
    yield warning(told, MAKE_ROOM) if full_in < LEAST_DAYS else ok(told)


def sweep() -> str:
    """Do at once what a sweeper does every second."""
    did = sweeper.sweep({**sweeper.MENDING, **sweeper.REMINDING})
    return "Swept: " + ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in did.items()) + "."


async def _word_of_the_provider() -> str:
    """As /health has it, but waited for: that one is asked again and again, and may tell a slow answer the next time."""
    if llm.is_left_alone():
        return "circuit_open"
    return "ok" if await llm.is_reachable() else "no_model"


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
