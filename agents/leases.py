"""Leases: the right to run a task, kept alive by a thread apart from the work.

One thread a process serves all its runs: every second one query asks which of them someone wants cancelled, has answered or
has taken over; every ten seconds one UPDATE renews the rest. A busy event loop or a slow model cannot let a lease lapse.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db.models.functions import Now

from agentplatform.database import run
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents.lifecycle import LEASE
from agents.models import Task

LOOK_SECONDS = 1.0
RENEW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """A lease of this process, and whom to tell, on the loop that runs the task."""

    task_id: UUID
    token: int
    loop: asyncio.AbstractEventLoop
    on_cancel: Callable[[], None]
    on_lost: Callable[[], None]
    on_answers: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class News:
    """What others did to a task: whether someone wants it cancelled, and how many of its approvals are answered."""

    is_cancelled: bool
    answers: int


_held: dict[UUID, Held] = {}
_lock = threading.Lock()
_wake = threading.Event()
_thread: threading.Thread | None = None


@contextmanager
def hold(
    task_id: UUID,
    token: int,
    *,
    on_cancel: Callable[[], None],
    on_lost: Callable[[], None],
    on_answers: Callable[[int], None],
) -> Iterator[None]:
    """Keep the lease while the block runs. What is called is called on this event loop, at most a second late.

    `on_answers` hears each second how many of the task's approvals are answered, once there are some.
    """
    global _thread
    held = Held(task_id, token, asyncio.get_running_loop(), on_cancel, on_lost, on_answers)
    with _lock:
        _held[task_id] = held
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_keep, name="leases", daemon=True)
            _thread.start()
    _wake.set()
    try:
        yield
    finally:
        with _lock:
            if _held.get(task_id) is held:
                del _held[task_id]


def count() -> int:
    """How many tasks this process runs now."""
    return len(_held)


def _keep() -> None:
    renewed_at = time.monotonic()
    while True:
        time.sleep(LOOK_SECONDS)
        _wake.clear()  # before looking: who comes after the look wakes us
        with _lock:
            mine = list(_held.values())
        if not mine:
            _wake.wait()
            renewed_at = time.monotonic()
            continue
        is_due = time.monotonic() - renewed_at >= RENEW_SECONDS
        try:
            _tell(mine, run(_look, mine, is_due))
        except Unavailable:
            continue
        except Exception:  # noqa: BLE001  # a fault here must not end the thread: every lease of the process hangs on it
            log(__name__).exception("lease_keeper_failed")
            continue
        if is_due:
            renewed_at = time.monotonic()


def _look(mine: list[Held], is_renewing: bool) -> dict[UUID, News]:
    """For each task that is still ours, what others did to it."""
    tokens = {held.task_id: held.token for held in mine}
    running = Task.objects.filter(pk__in=tokens, status=Task.Status.RUNNING)
    rows = running.values_list("pk", "lease_token", "cancel_requested_at", "answers")
    ours = {
        task_id: News(at is not None, answers or 0) for task_id, token, at, answers in rows if tokens[task_id] == token
    }
    if is_renewing:
        Task.objects.filter(pk__in=ours, status=Task.Status.RUNNING).update(lease_expires_at=Now() + LEASE)
    return ours


def _tell(mine: list[Held], found: dict[UUID, News]) -> None:
    for held in mine:
        if _held.get(held.task_id) is not held or held.loop.is_closed():
            continue
        if (news := found.get(held.task_id)) is None:
            held.loop.call_soon_threadsafe(held.on_lost)
        elif news.is_cancelled:
            held.loop.call_soon_threadsafe(held.on_cancel)
        elif news.answers:
            held.loop.call_soon_threadsafe(held.on_answers, news.answers)
