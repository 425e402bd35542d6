"""The record of refused calls: noted on the event loop, written in batches by a thread, so that a flood costs little.

What does not fit the queue is dropped and counted: a record is a help, never a reason to be slow. Calls without a known
client are counted in `agent_refusals_total` alone.
"""

import threading
from collections import deque
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone

from accounts.addresses import caller_address
from accounts.callers import Caller
from accounts.models import Refusal
from agentplatform import metrics
from agentplatform.database import run
from agentplatform.errors import PlatformError, Unavailable
from agentplatform.logs import log

# What a rule decided. A faulty body explains itself, and is of no use to anybody later.
RECORDED = {"rate_limited", "forbidden", "expired_key", "invalid_key", "prompt_injection_detected", "budget_exceeded"}
MOST_WAITING = 5_000
BATCH = 500
# Also the pace: one process writes at most a batch each such while.
GATHERED_SECONDS = 0.5
PRUNED_AT_ONCE = 5_000

_waiting: deque[Refusal] = deque()
_has_news = threading.Event()
_starting = threading.Lock()
_writer: threading.Thread | None = None


def note(error: PlatformError, caller: Caller, request: HttpRequest) -> None:
    """Have a refusal written down soon, if it is one that a rule decided."""
    if error.code not in RECORDED or "task" in error.members:
        return
    if len(_waiting) >= MOST_WAITING:
        metrics.refusals_unrecorded_total.inc()
        return
    _waiting.append(_refusal(error, caller, request))
    _has_news.set()
    _start()


def prune() -> int:
    """Drop what was kept for its REFUSALS_KEPT_DAYS, a batch at a time; give how many."""
    before = timezone.now() - timedelta(days=settings.REFUSALS_KEPT_DAYS)
    stale = Refusal.objects.filter(at__lt=before).order_by("at").values("pk")[:PRUNED_AT_ONCE]
    return Refusal.objects.filter(pk__in=stale).delete()[0]


def forget() -> None:
    """Drop what waits to be written."""
    _waiting.clear()


def _refusal(error: PlatformError, caller: Caller, request: HttpRequest) -> Refusal:
    return Refusal(
        at=timezone.now(),
        request_id=getattr(request, "request_id", ""),
        client_id=caller.client_id,
        api_key_id=caller.key_id,
        tier=caller.tier,
        method=str(request.method)[:8],
        path=request.path[:200],
        address=str(caller_address(request) or ""),
        status=error.status,
        code=error.code,
        rule=str(error.members.get("rule", error.code))[:80],
        figures=_figures(error),
        detail=error.detail,
    )


def _figures(error: PlatformError) -> dict[str, Any]:
    limit: dict[str, Any] = error.members.get("limit", {})
    return limit | {name: value for name, value in error.members.items() if name not in ("limit", "rule")}


def _start() -> None:
    """One thread a process, from the first refusal on; again after a fork."""
    global _writer
    if _writer is not None and _writer.is_alive():
        return
    with _starting:
        if _writer is None or not _writer.is_alive():
            _writer = threading.Thread(target=_write_for_ever, name="refusals", daemon=True)
            _writer.start()


def _write_for_ever() -> None:
    pause = threading.Event()
    while True:
        _has_news.wait()
        _has_news.clear()
        while _waiting:
            pause.wait(GATHERED_SECONDS)
            _write()


def _write() -> None:
    batch = [_waiting.popleft() for _ in range(min(BATCH, len(_waiting)))]
    try:
        run(Refusal.objects.bulk_create, batch)
    except (Unavailable, DatabaseError) as error:
        metrics.refusals_unrecorded_total.inc(len(batch))
        log(__name__).warning("refusals_unrecorded", count=len(batch), error=type(error).__name__)
