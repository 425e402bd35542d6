"""How a running platform ends: by signal, in order; by `kill -9`, with nothing left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from agentplatform.embedded.claim import is_claimed
from tests.end_to_end.platform_run import ALONE, NOWHERE, none_left, offspring, running
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(400)


def test_after_kill_9_no_process_is_left_and_it_starts_again(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as first:
        password = first.ready()["admin_password"]
        family = offspring(first.process.pid)
        # Database, Valkey, model, web server with two workers, worker, sweeper.
        assert len(family) >= 8, family
        first.process.kill()
        eventually(lambda: none_left(family))
    with running(tmp_path, *ALONE, OPENAI_BASE_URL=NOWHERE) as second:
        assert second.ready()["admin_password"] == password


def test_a_signal_stops_everything_in_order(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1") as run:
        run.ready()
        family = offspring(run.process.pid)
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == 0, run.complaint()
        assert none_left(family)
        assert run.complaint() == ""
        assert not run.events("platform_child_killed")
        assert json.loads(run.lines[-1])["event"] == "platform_stopped"
    assert not (tmp_path / "embedded.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_it_too(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, *ALONE, OPENAI_BASE_URL=NOWHERE) as run:
        run.ready()
        family = offspring(run.process.pid)
        run.process.send_signal(number)
        assert run.ended() == 0, run.complaint()
        assert none_left(family)


def test_a_signal_during_the_start_stops_it_too(tmp_path: Path) -> None:
    with running(tmp_path, OPENAI_BASE_URL=NOWHERE) as run:
        eventually(lambda: run.events("platform_step_started", step="database contents"), within=60)
        family = offspring(run.process.pid)
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == 0, run.complaint()
        assert none_left(family)


def test_a_log_that_nobody_reads_any_more_stops_it(tmp_path: Path) -> None:
    with running(tmp_path, *ALONE, OPENAI_BASE_URL=NOWHERE) as run:
        run.ready()
    pipeline = f"{sys.executable} manage.py runplatform {' '.join(ALONE)} | head -n 1"
    done = subprocess.run(
        ["sh", "-c", pipeline],
        cwd=settings.BASE_DIR,
        env=run.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert json.loads(done.stdout)["event"] == "platform_step_started"
    assert done.stderr == ""
    assert not is_claimed(tmp_path)


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--no-web", "--no-sweeper") as run:
        run.ready()
        family = offspring(run.process.pid)
        os.kill(run.child("celery").pid, signal.SIGSTOP)  # it will not stop by itself
        run.process.send_signal(signal.SIGINT)
        eventually(lambda: run.events("platform_stopping"))
        run.process.send_signal(signal.SIGINT)
        assert run.ended() == 128 + signal.SIGINT
        eventually(lambda: none_left(family))


def test_the_folder_of_a_stopped_platform_is_free(tmp_path: Path) -> None:
    with running(tmp_path, *ALONE, OPENAI_BASE_URL=NOWHERE) as run:
        run.ready()
        url = json.loads((tmp_path / "embedded.json").read_text())["database_url"]
        psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with running(tmp_path, *ALONE, OPENAI_BASE_URL=NOWHERE) as run:
        run.ready()
