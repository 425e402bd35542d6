"""The Celery application: `celery -A agentplatform worker`. A message is a hint that a task waits, nothing more."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_init, worker_shutdown

from agentplatform import broker, tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentplatform.settings")

broker.mend()
app = Celery("agentplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery leaves logging alone where somebody listens here; settings.py has set it up already."""


@celeryd_init.connect
def leave_out_the_banner(instance: Any = None, **_: Any) -> None:
    """What the worker's banner says stands in the settings; the log is for events."""
    instance.quiet = True


@worker_init.connect
def speak_to_no_other_worker(sender: Any = None, **_: Any) -> None:
    """Whatever the command line says: workers look for each other in PostgreSQL, and nobody reads what they would publish.

    A heartbeat of Celery's, every 2 s from the thread that also listens for tasks, waits on a dead connection each time.
    """
    sender.options.update(without_mingle=True, without_gossip=True, without_heartbeat=True)


@worker_init.connect
def begin_to_trace(**_: Any) -> None:
    """Each process that makes spans sends them itself."""
    tracing.start("worker")


@worker_shutdown.connect
def send_the_last_spans(**_: Any) -> None:
    """Once its jobs have ended."""
    tracing.stop()
