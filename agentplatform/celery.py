"""The Celery application: `celery -A agentplatform worker`. A message is a hint that a task waits, nothing more."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging

from agentplatform import broker

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
