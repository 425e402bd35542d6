"""`manage.py runplatform` as a person runs it: real processes, real stores, the real model."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from agentplatform.embedded.ports import LOOPBACK, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(240)

START_SECONDS = 120
# Empty counts as unset, and a developer's `.env` cannot fill it in.
UNSET = (
    "ADMIN_PASSWORD", "AGENT_MODEL", "API_KEYS", "CELERY_BROKER_URL", "DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL",
    "PROMETHEUS_MULTIPROC_DIR", "REDIS_URL", "METRICS_TOKEN",
)  # fmt: skip
ALONE = ("--no-web", "--no-worker", "--no-sweeper")


@dataclass(frozen=True)
class Process:
    """A process and when it began, so that another one with its number is not taken for it."""

    pid: int
    began: str
    command: str

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """The process of that number; None when there is none, or only one that nobody has reaped yet."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return None
        return None if fields[0] == "Z" else cls(pid, fields[19], command)

    def is_alive(self) -> bool:
        found = Process.find(self.pid)
        return found is not None and found.began == self.began


def offspring(pid: int) -> list[Process]:
    """All living descendants of a process, its children first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [process for child in children if (process := Process.find(int(child)))]
    return found + [process for child in found for process in offspring(child.pid)]


class Run:
    """One `runplatform`, and what it has written so far."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = int(environment.get("PORT", free_port()))
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.environment = {
            **os.environ,
            **dict.fromkeys(UNSET, ""),
            "DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            **environment,
        }
        self.lines: list[str] = []
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `close`
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "runplatform", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    def events(self, name: str, **facts: object) -> list[dict[str, Any]]:
        """The events of that name with those facts, so far."""
        found = (json.loads(line) for line in tuple(self.lines) if name in line)
        return [event for event in found if event["event"] == name and facts.items() <= event.items()]

    def ready(self) -> dict[str, Any]:
        """Wait until the platform says it is ready; give what it says."""

        def announced() -> list[dict[str, Any]]:
            assert self.process.poll() is None or self.events("platform_ready"), self.complaint()
            return self.events("platform_ready")

        return eventually(announced, within=START_SECONDS)[0]

    def complaint(self) -> str:
        """What it wrote to standard error."""
        self._complaints.seek(0)
        return self._complaints.read().strip()

    def ended(self) -> int:
        """Wait for its end; give its exit status."""
        status = self.process.wait(60)
        self._reader.join()
        return status

    def child(self, part_of_command: str) -> Process:
        """The one child whose command line holds these words."""
        (found,) = [process for process in offspring(self.process.pid) if part_of_command in process.command][:1]
        return found

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another command with the same settings."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def close(self) -> None:
        """End it, however far it got."""
        self.process.terminate()
        try:
            self.ended()
        finally:
            self.process.kill()
            self.process.stdout.close()  # type: ignore[union-attr]  # a pipe, by the arguments above
            self._complaints.close()


@contextlib.contextmanager
def running(data_dir: Path, *arguments: str, **environment: str) -> Iterator[Run]:
    run = Run(data_dir, *arguments, **environment)
    try:
        yield run
    finally:
        run.close()


def none_left(processes: list[Process]) -> bool:
    return not [process for process in processes if process.is_alive()]


def health(run: Run) -> str:
    with contextlib.suppress(httpx.HTTPError):
        return str(httpx.get(f"{run.url}/health", timeout=5).json()["status"])
    return "away"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A whole platform that tests share; each leaves it healthy."""
    with running(tmp_path_factory.mktemp("platform")) as run:
        run.ready()
        yield run


def test_it_starts_healthy_and_says_where_everything_is(platform: Run) -> None:
    announcement = platform.ready()
    assert announcement["status"] == "healthy"
    assert announcement["api_key"] == "demo-key-123"
    assert announcement["links"]["platform"] == f"{platform.url}/"
    for name in ("docs", "redoc", "metrics", "health", "admin"):
        assert httpx.get(announcement["links"][name], follow_redirects=True).status_code == 200, name


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_line_to_paste_brings_the_models_answer(platform: Run) -> None:
    pasted = subprocess.run(["sh", "-c", platform.ready()["curl"]], capture_output=True, text=True, check=True)
    answer = json.loads(pasted.stdout)
    assert answer["status"] == "completed", answer
    assert answer["result"], answer


def test_the_printed_password_opens_the_console(platform: Run) -> None:
    with httpx.Client(base_url=platform.url, follow_redirects=True) as client:
        client.get("/admin/login/")
        form = {
            "username": "admin",
            "password": platform.ready()["admin_password"],
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
            "next": "/admin/",
        }
        page = client.post("/admin/login/", data=form, headers={"Referer": f"{platform.url}/admin/login/"})
    assert page.status_code == 200
    assert page.url.path == "/admin/"


def test_the_worker_runs_background_tasks(platform: Run) -> None:
    headers = {"Authorization": "Bearer demo-key-123"}
    task = {"task": "Say hello.", "async_execution": True}
    with httpx.Client(base_url=platform.url, headers=headers, timeout=30) as client:
        accepted = client.post("/agent/execute", json=task)
        assert accepted.status_code == 202, accepted.text
        path = f"/agent/status/{accepted.json()['task_id']}"
        eventually(lambda: client.get(path).json()["status"] == "completed", within=60)


def test_off_a_terminal_every_line_is_json(platform: Run) -> None:
    for line in tuple(platform.lines):
        assert isinstance(json.loads(line), dict), line


def test_secrets_on_disk_are_their_owners_alone(platform: Run) -> None:
    files = [*platform.data_dir.glob("*.password"), platform.data_dir / "embedded.json"]
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_passwords_are_on_no_command_line(platform: Run) -> None:
    secrets = [file.read_text() for file in platform.data_dir.glob("*.password")]
    for process in offspring(platform.process.pid):
        assert not [secret for secret in secrets if secret in process.command], process.command


def test_other_commands_find_the_same_stores(platform: Run) -> None:
    assert platform.manage("migrate", "--check").returncode == 0


def test_a_second_platform_in_the_same_folder_is_refused(platform: Run) -> None:
    with running(platform.data_dir, *ALONE) as second:
        assert second.ended() == 1
        assert second.complaint() == f"CommandError: another platform runs with DATA_DIR={platform.data_dir}"
    assert health(platform) == "healthy"


def test_two_platforms_in_folders_of_their_own_do_not_disturb_each_other(platform: Run, tmp_path: Path) -> None:
    with running(tmp_path, "--no-worker", "--no-sweeper", "--workers", "1") as other:
        assert other.ready()["status"] == "degraded"
        key = {"Authorization": "Bearer demo-key-123"}
        for run in (platform, other):
            assert httpx.get(f"{run.url}/agent/types", headers=key).status_code == 200
        assert other.manage("migrate", "--check").returncode == 0
    assert not other.manage("migrate", "--check").returncode == 0
    assert health(platform) == "healthy"


@pytest.mark.parametrize(
    ("child", "command"),
    [
        ("sweeper", "runsweeper"),
        ("worker", "celery"),
        ("model", "agentplatform.embedded.model"),
        ("valkey", "valkey-server"),
        ("postgres", "postgres -D"),
        ("web", "granian"),
    ],
)
def test_a_killed_child_is_started_again(platform: Run, child: str, command: str) -> None:
    victim = platform.child(command)
    family = [victim, *offspring(victim.pid)]
    deaths = len(platform.events("platform_child_died", child=child))
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: len(platform.events("platform_child_died", child=child)) > deaths)
    eventually(lambda: none_left(family))
    eventually(lambda: platform.child(command).pid != victim.pid)
    eventually(lambda: health(platform) == "healthy", within=60)


def test_a_killed_web_worker_is_replaced(platform: Run) -> None:
    master = platform.child("granian")
    workers = offspring(master.pid)
    os.kill(workers[0].pid, signal.SIGKILL)
    eventually(lambda: len(set(offspring(master.pid)) - set(workers)) == 1, within=30)
    eventually(lambda: health(platform) == "healthy", within=60)
    assert master.is_alive()


def test_after_kill_9_no_process_is_left_and_it_starts_again(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as first:
        password = first.ready()["admin_password"]
        family = offspring(first.process.pid)
        # Database, Valkey, model, web server with two workers, worker, sweeper.
        assert len(family) >= 8, family
        first.process.kill()
        eventually(lambda: none_left(family))
    with running(tmp_path) as second:
        announcement = second.ready()
        assert announcement["status"] == "healthy"
        assert announcement["admin_password"] == password


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "--workers", "1") as run:
        run.ready()
        family = offspring(run.process.pid)
        run.process.send_signal(number)
        assert run.ended() == 0, run.complaint()
        assert none_left(family)
        assert run.complaint() == ""
        assert not run.events("platform_child_killed")
        assert json.loads(run.lines[-1])["event"] == "platform_stopped"
    assert not (tmp_path / "embedded.json").exists()


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


def test_with_stores_of_ones_own_nothing_is_embedded(tmp_path: Path) -> None:
    own = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")}
    with running(tmp_path, *ALONE, **own) as run:
        announcement = run.ready()
        assert announcement["api_key"] is None
        assert offspring(run.process.pid) == []
        assert {file.name for file in tmp_path.iterdir()} == {"lock", "embedded.json", "metrics", "admin.password"}


def test_with_api_keys_the_line_to_paste_takes_the_key_from_the_shell(tmp_path: Path) -> None:
    with running(tmp_path, "--no-worker", "--no-sweeper", "--workers", "1", API_KEYS="a-secret-key-of-mine:premium") as run:
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
    with running(tmp_path, *ALONE, OPENAI_BASE_URL="http://127.0.0.1:1/v1", PROMETHEUS_MULTIPROC_DIR=str(metrics)) as run:
        run.ready()
        assert not (metrics / "counter_1.db").exists()
        assert (metrics / "a-file-of-mine").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (["--port", "0"], {}, "CommandError: --port: 0 is out of range; it takes 1 to 65535."),
        (["--workers", "0"], {}, "CommandError: --workers: 0 is out of range; it takes 1 to 256."),
        (["--host", "192.0.2.1"], {"PORT": "8000"}, "CommandError: cannot listen on 192.0.2.1:8000: Cannot assign requested address"),
        ([], {"PORT": "eighty"}, "PORT: 'eighty' is not a whole number; it takes 1 to 65535."),
    ],
)  # fmt: skip
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
    with socket.create_server((LOOPBACK, 0)) as listener, running(
        tmp_path, PORT=str(port := listener.getsockname()[1])
    ) as run:
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


def test_the_folder_of_a_stopped_platform_is_free(tmp_path: Path) -> None:
    with running(tmp_path, *ALONE, OPENAI_BASE_URL="http://127.0.0.1:1/v1") as run:
        run.ready()
        url = json.loads((tmp_path / "embedded.json").read_text())["database_url"]
        psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with running(tmp_path, *ALONE, OPENAI_BASE_URL="http://127.0.0.1:1/v1") as run:
        run.ready()
