"""The Python client through a restart of the web server: killed without warning, with a real process and agentctl as another."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from agentplatform.embedded.ports import LOOPBACK, free_port
from tests.api import Persona
from tests.clients.agentctl import COMMAND, SOURCE
from tests.end_to_end.platform_run import offspring
from tests.end_to_end.processes import web
from tests.scripted_model import ScriptedModel, text

POEM = ["Rain taps ", "on the roof, ", "a slow drum ", "for drowsy thoughts."]


@pytest.mark.timeout(300)  # for a busy machine
def test_a_stream_goes_on_when_its_server_is_killed_and_started_again(
    alice: Persona, worker: None, model: ScriptedModel, tmp_path: Path
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    task_id = alice.execute("Write about rain.", async_execution=True).json()["task_id"]
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "AGENTPLATFORM_URL": f"http://{LOOPBACK}:{port}",
        "AGENTPLATFORM_API_KEY": alice.key,
    }
    with web(tmp_path, port, "first") as master:
        tail = subprocess.Popen(
            [*COMMAND, "tail", task_id],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert tail.stdout is not None
        assert os.read(tail.stdout.fileno(), 4) == b"Rain"
        for process in [*offspring(master)]:
            os.kill(process.pid, signal.SIGKILL)
        os.kill(master, signal.SIGKILL)
    with web(tmp_path, port, "second"):
        held.release()
        rest, told = tail.communicate(timeout=60)
    assert (tail.returncode, "Rain" + rest) == (0, "".join(POEM) + "\n")
    assert "Trying again" in told
