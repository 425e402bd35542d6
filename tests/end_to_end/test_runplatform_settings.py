"""What `runplatform` makes of its settings: own stores, own keys, and one line for what cannot work."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from agentplatform.embedded.ports import LOOPBACK
from tests.end_to_end.platform_run import ALONE, NOWHERE, offspring, running

pytestmark = pytest.mark.timeout(400)


def test_with_stores_of_ones_own_nothing_is_embedded(tmp_path: Path) -> None:
    own = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")}
    with running(tmp_path, *ALONE, **own) as run:
        announcement = run.ready()
        assert announcement["api_key"] is None
        assert offspring(run.process.pid) == []
        assert {file.name for file in tmp_path.iterdir()} == {"lock", "embedded.json", "metrics", "admin.password"}


def test_with_api_keys_the_line_to_paste_takes_the_key_from_the_shell(tmp_path: Path) -> None:
    with running(
        tmp_path, "--no-worker", "--no-sweeper", "--workers", "1", API_KEYS="a-secret-key-of-mine:premium"
    ) as run:
        announcement = run.ready()
        assert announcement["api_key"] is None
        assert '"Authorization: Bearer $KEY"' in announcement["curl"]
        assert not [line for line in run.lines if "a-secret-key-of-mine" in line]


def test_a_database_that_does_not_answer_stops_the_start(tmp_path: Path) -> None:
    with running(tmp_path, *ALONE, DATABASE_URL="postgres://127.0.0.1:1/nowhere") as run:
        assert run.ended() == 1
        complaint = run.complaint()
        assert complaint.count("\n") == 0
        assert complaint.startswith("CommandError: bootstrap ended with status 1: CommandError: DATABASE_URL: ")


def test_only_the_files_of_metrics_are_cleared(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    (metrics / "counter_1.db").touch()
    (metrics / "a-file-of-mine").touch()
    with running(tmp_path, *ALONE, OPENAI_BASE_URL=NOWHERE, PROMETHEUS_MULTIPROC_DIR=str(metrics)) as run:
        run.ready()
        assert not (metrics / "counter_1.db").exists()
        assert (metrics / "a-file-of-mine").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (["--port", "0"], {}, "CommandError: --port: 0 is out of range; it takes 1 to 65535."),
        (["--workers", "0"], {}, "CommandError: --workers: 0 is out of range; it takes 1 to 256."),
        (
            ["--host", "192.0.2.1"],
            {"PORT": "8000"},
            "CommandError: cannot listen on 192.0.2.1:8000: Cannot assign requested address",
        ),
        ([], {"PORT": "eighty"}, "PORT: 'eighty' is not a whole number; it takes 1 to 65535."),
    ],
)
def test_a_bad_option_stops_the_start_with_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], complaint: str
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "runplatform", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", complaint)


def test_a_taken_port_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as listener,
        running(tmp_path, PORT=str(port := listener.getsockname()[1])) as run,
    ):
        assert run.ended() == 1
        assert run.complaint() == (
            f"CommandError: port {port} is taken; end what listens there, or choose another with PORT or --port."
        )


@pytest.mark.parametrize(("name", "part"), [("DATABASE_URL", "stores"), ("OPENAI_BASE_URL", "model")])
def test_production_refuses_the_embedded_parts(tmp_path: Path, name: str, part: str) -> None:
    whole = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": "s" * 40,
        "API_KEY_PEPPER": "p" * 40,
        "ALLOWED_HOSTS": "agents.example",
        "DATABASE_URL": "postgres://db.example/agents",
        "REDIS_URL": "redis://cache.example",
        "OPENAI_BASE_URL": "https://models.example/v1",
    }
    with running(tmp_path, **{**whole, name: ""}) as run:
        assert run.ended() == 1
        complaint = run.complaint()
        assert complaint.count("\n") == 0
        assert f"production does not run on the embedded {part}" in complaint


def test_nobody_may_use_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with running(tmp_path / "file" / "data") as run:
        assert run.ended() == 1
        assert run.complaint() == f"CommandError: cannot use DATA_DIR={tmp_path}/file/data: Not a directory"
