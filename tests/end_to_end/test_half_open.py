"""A worker whose connection to its broker went dead without a word, in a process of its own behind a real proxy."""

from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from agents import outbox
from tests.api import Persona
from tests.chaos.proxies import Proxy, proxied
from tests.end_to_end.processes import worker
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

PROMISED_SECONDS = 15


def queued(persona: Persona, task: str) -> str:
    return str(persona.execute(task, async_execution=True).json()["task_id"])


def completed(persona: Persona, task_id: str) -> bool:
    """Whether it is; a message that the dead connection took with it is made up for, as the sweeper would."""
    outbox.republish()
    return bool(persona.status(task_id).json()["status"] == "completed")


@pytest.mark.timeout(300)  # for a busy machine
def test_a_dead_connection_hangs_no_worker(alice: Persona, model: ScriptedModel, tmp_path: Path) -> None:
    with proxied(settings.CELERY_BROKER_URL, Proxy) as proxy, worker(tmp_path, CELERY_BROKER_URL=proxy.url):
        assert alice.ended(queued(alice, "Before."), within=60)["status"] == "completed"

        proxy.soon(partial(proxy.freeze, is_new_spared=True))
        during = queued(alice, "While the old connections are dead.")
        eventually(lambda: completed(alice, during), within=PROMISED_SECONDS)

        taken = proxy.taken
        proxy.soon(proxy.freeze)
        eventually(lambda: proxy.taken > taken, within=PROMISED_SECONDS)
        proxy.soon(partial(proxy.thaw, is_cut=True))
        after = queued(alice, "When all pass again.")
        eventually(lambda: completed(alice, after), within=PROMISED_SECONDS)
