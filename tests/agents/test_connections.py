"""No database connection is held while a model thinks or a stream is open."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from django.conf import settings
from django.db import connection

from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

BUSY = """
    SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'agentplatform' AND pid <> pg_backend_pid()
"""


def connections() -> tuple[int, int]:
    """How many connections the platform has, and how many of them do anything."""
    with connection.cursor() as cursor:
        cursor.execute(BUSY)
        total, busy = cursor.fetchone()
    return total, busy


def test_fifty_tasks_wait_for_the_model_without_one(alice: Persona, model: ScriptedModel) -> None:
    holds = [model.holds("Done.") for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(alice.execute, f"Task {number}.") for number in range(50)]
        eventually(lambda: len(model.requests) == 50, within=30)
        # At most the look of the lease keeper is under way.
        eventually(lambda: connections()[1] <= 1)
        assert connections()[0] <= settings.DATABASE_THREADS + 5
        for hold in holds:
            hold.release()
        assert {future.result().json()["status"] for future in asked} == {"completed"}


def test_thirty_open_streams_share_a_few(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("Done.")
    with ExitStack() as streams:
        first = streams.enter_context(alice.stream("Tell me."))
        task_id = first.until("step.started").data["task_id"]
        others = [streams.enter_context(alice.events(task_id)) for _ in range(30)]
        for stream in others:
            stream.until("step.started")
        assert connections()[0] <= settings.DATABASE_THREADS + 5
        hold.release()
        assert {stream.text for stream in others} == {"Done."}
