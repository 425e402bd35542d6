"""The sweeper as the process that it is, with its own pace."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F
from redis import Redis

from agents import lifecycle
from agents.models import Task
from tests.api import Persona
from tests.waiting import eventually

QUEUE = "ap:celery:agents"
START_SECONDS = 60


@contextlib.contextmanager
def sweeping(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A sweeper for the block; it ends when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runsweeper", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(20) == 0


def queued(persona: Persona) -> str:
    return str(persona.execute("Later, please.", async_execution=True).json()["task_id"])


def test_it_publishes_a_lost_message_again_by_itself(alice: Persona, redis_server: Redis) -> None:
    task_id = queued(alice)
    eventually(lambda: redis_server.llen(QUEUE) == 1)
    redis_server.flushdb()
    with sweeping():
        eventually(lambda: redis_server.llen(QUEUE) == 1, within=START_SECONDS)
    assert alice.status(task_id).json()["status"] == "queued"


def test_a_broker_that_never_answers_keeps_no_deadline_waiting(alice: Persona, redis_server: Redis) -> None:
    waiting, late = queued(alice), queued(alice)
    eventually(lambda: redis_server.llen(QUEUE) == 2)
    assert lifecycle.claim(UUID(late))
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, sweeping(CELERY_BROKER_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0"):
        silent.settimeout(START_SECONDS)
        with silent.accept()[0]:  # it has come to publish, and waits for an answer from here on
            Task.objects.filter(pk=late).update(attempt_started_at=F("attempt_started_at") - timedelta(hours=1))
            eventually(lambda: alice.status(late).json()["exit_reason"] == "timed_out", within=4)
    assert alice.status(waiting).json()["status"] == "queued"
