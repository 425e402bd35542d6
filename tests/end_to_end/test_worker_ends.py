"""A deploy replaces a worker: what it runs goes on in another, with real processes and a real TERM."""

import os
import signal
from pathlib import Path

import pytest

from agents.models import Task
from tests.api import Persona
from tests.end_to_end.processes import sweeper, worker
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

PROMISED_SECONDS = 10


@pytest.mark.timeout(300)  # for a busy machine
def test_at_term_its_task_goes_on_in_another(alice: Persona, model: ScriptedModel, tmp_path: Path) -> None:
    slow, again = model.holds("Never read."), model.holds("Here it is.")
    with worker(tmp_path, "old") as old:
        task_id = str(alice.execute("Think long.", async_execution=True).json()["task_id"])
        slow.reached(within=60)
        with sweeper(tmp_path), worker(tmp_path, "new"):
            os.kill(old, signal.SIGTERM)
            eventually(lambda: Task.objects.get().lease_token == 2, within=PROMISED_SECONDS)
            again.reached(within=60)
            assert slow.request is not None
            assert slow.request.was_abandoned()
            again.release()
            assert alice.ended(task_id)["result"] == "Here it is."
            assert Task.objects.get().losses == 0, "a deploy is no loss"
