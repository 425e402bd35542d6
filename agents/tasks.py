"""Celery's side: one job runs one task. Jobs are threads that wait; the work is on one event loop of the process."""

import asyncio
import threading
from functools import cache
from typing import Any
from uuid import UUID

from celery.signals import worker_ready
from django.conf import settings

from agentplatform import monitoring
from agentplatform.celery import app
from agents import presence, running
from agents.outbox import JOB


@app.task(name=JOB)
def run_task(task_id: str) -> None:
    """Run a queued task to its end; a message that comes twice, or late, does nothing."""
    asyncio.run_coroutine_threadsafe(running.run_queued(UUID(task_id)), _loop()).result()


@worker_ready.connect
def say_so(**_: Any) -> None:
    """Let /health know of this worker."""
    presence.keep_saying("worker")


@worker_ready.connect
def serve_metrics(**_: Any) -> None:
    """Let Prometheus read what this worker counts, where no web server shares its PROMETHEUS_MULTIPROC_DIR."""
    if settings.WORKER_METRICS_PORT:
        monitoring.serve(settings.WORKER_METRICS_PORT)


_lock = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        return _started()


@cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="runs", daemon=True).start()
    return loop
