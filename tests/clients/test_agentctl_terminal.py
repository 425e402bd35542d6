"""agentctl as a program: with a terminal, with Ctrl-C, and with an output that takes no more."""

import contextlib
import os
import pty
import select
import signal
import time
from pathlib import Path

import pytest

from tests.api import Persona
from tests.clients.agentctl import Agentctl, ended
from tests.scripted_model import ScriptedModel, text
from tests.waiting import eventually

POEM = ["Rain taps ", "on the roof, ", "a slow drum."]


def running(alice: Persona) -> str:
    """The id of the only task, once there is one."""

    def found() -> str | None:
        tasks = alice.get("/agent/tasks").json()["tasks"]
        return tasks[0]["task_id"] if tasks else None

    task_id = eventually(found, within=20)
    assert task_id is not None
    return task_id


def test_ctrl_c_says_that_the_task_goes_on(agentctl: Agentctl, alice: Persona, model: ScriptedModel) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=1)
    process = agentctl.begin("run", "Write about rain.", "--stream")
    assert process.stdout is not None
    assert process.stdout.read(4) == "Rain"
    process.send_signal(signal.SIGINT)
    said = ended(process)
    held.release()
    task_id = running(alice)
    assert said.code == 130
    assert said.err.splitlines()[-1].startswith(
        f"agentctl: Task {task_id} goes on. Follow it: agentctl tail {task_id} --after "
    )
    assert alice.ended(task_id)["status"] == "completed"


def test_ctrl_c_may_cancel_it(agentctl: Agentctl, alice: Persona, model: ScriptedModel) -> None:
    held = model.holds()
    process = agentctl.begin("run", "Write about rain.", "--stream", "--cancel-on-interrupt")
    held.reached(within=20)
    task_id = running(alice)
    assert process.stderr is not None
    assert task_id in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert said.code == 130
    assert f"agentctl: Task {task_id} " in said.err
    assert alice.ended(task_id)["status"] == "cancelled"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_ends_it_with_one_line_and_the_task_goes_on(
    agentctl: Agentctl, alice: Persona, model: ScriptedModel
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=1)
    with Path("/dev/full").open("w") as full:
        said = ended(agentctl.begin("--quiet", "run", "Write about rain.", "--stream", stdout=full))
    assert (said.code, said.err) == (6, "agentctl: The output cannot be written: No space left on device.\n")
    held.release()
    assert alice.ended(running(alice))["result"] == "".join(POEM)


def test_a_reader_that_goes_ends_it_with_one_line_and_the_task_goes_on(
    agentctl: Agentctl, alice: Persona, model: ScriptedModel
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=1)
    process = agentctl.begin("--quiet", "run", "Write about rain.", "--stream")
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 4) == b"Rain"
    process.stdout.close()
    process.stdout = None
    held.release()
    said = ended(process)
    assert (said.code, said.err) == (6, "agentctl: The reader of the output has gone.\n")
    assert alice.ended(running(alice))["result"] == "".join(POEM)


def test_on_a_terminal_it_shows_that_it_works_and_lets_no_text_steer_it(
    agentctl: Agentctl, alice: Persona, model: ScriptedModel
) -> None:
    held = model.holds(
        text("Red \x1b[31malert\x1b]0;title\x07 now.", chunks=["Red ", "\x1b[31malert", "\x1b]0;title\x07 now."])
    )
    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": "120"}
    agentctl.environment |= environment
    process = agentctl.begin("run", "Raise the alarm.", "--stream", stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = _until(ours, b"general thinks")
    held.release()
    shown += _until(ours, None)
    os.close(ours)
    assert process.wait(20) == 0
    assert (
        "Red \N{REPLACEMENT CHARACTER}[31malert\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER} now."
        in shown.decode()
    )
    assert b"\x1b]0" not in shown
    assert b"\x1b[?25h" in shown.rpartition(b"\x1b[?25l")[2]  # the cursor is shown again


def _until(descriptor: int, words: bytes | None) -> bytes:
    """What is shown until these words come, or until the end."""
    shown, deadline = b"", time.monotonic() + 30
    with contextlib.suppress(OSError):  # a terminal whose program has ended
        while words is None or words not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([descriptor], [], [], 1)[0]:
                piece = os.read(descriptor, 4096)
                if not piece:
                    break
                shown += piece
    return shown


def test_on_a_terminal_it_shows_what_delegates_write(agentctl: Agentctl, alice: Persona, model: ScriptedModel) -> None:
    model.answers('["What is it?"]')
    held = model.holds(text("".join(POEM), chunks=POEM), after=1)
    ours, theirs = pty.openpty()
    agentctl.environment |= {"TERM": "xterm", "COLUMNS": "120"}
    process = agentctl.begin("run", "Tell me.", "--stream", "--agent", "research", stdout=theirs, stderr=theirs)
    os.close(theirs)
    _until(ours, b" writes: Rain taps")
    held.release()
    _until(ours, None)
    os.close(ours)
    assert process.wait(20) == 0
