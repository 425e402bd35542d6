"""Celery's side: one job runs one task. Jobs are threads that wait; the work is on one event loop of the process."""

import asyncio
import threading
from functools import cache
from typing import Any
from uuid import UUID

from celery.bootsteps import StartStopStep
from celery.exceptions import Reject
from celery.signals import worker_ready, worker_shutting_down
from celery.worker.consumer.tasks import Tasks
from django.conf import settings

from agentplatform import monitoring
from agentplatform.celery import app
from agents import draining, presence, queues, running
from agents.outbox import JOB


@app.task(name=JOB, bind=True)
def run_task(job: Any, task_id: str) -> None:
    """Run a queued task to its end; a message that comes twice, or late, does nothing."""
    queue = (job.request.delivery_info or {}).get("routing_key", queues.SHORT)
    with queues.long_places.taken(queue) as is_free:
        if not is_free:
            raise Reject(requeue=True)
        asyncio.run_coroutine_threadsafe(running.run_queued(UUID(task_id)), _loop()).result()


class LongPlaces(StartStopStep):
    """Lets long tasks have a part of this worker's places alone."""

    requires = (Tasks,)

    def start(self, parent: Any) -> None:
        queues.long_places.share(parent)


app.steps["consumer"].add(LongPlaces)


@worker_ready.connect
def say_so(**_: Any) -> None:
    """Let /health know of this worker."""
    presence.keep_saying("worker")


@worker_ready.connect
def serve_metrics(**_: Any) -> None:
    """Let Prometheus read what this worker counts, where no web server shares its PROMETHEUS_MULTIPROC_DIR."""
    if settings.WORKER_METRICS_PORT:
        monitoring.serve(settings.WORKER_METRICS_PORT)


@worker_shutting_down.connect
def hand_over(**_: Any) -> None:
    """At TERM the runs of this worker end their step and go on elsewhere; Celery waits for their jobs."""
    draining.begin()


_lock = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        return _started()


@cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="runs", daemon=True).start()
    return loop
