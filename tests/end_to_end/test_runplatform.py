"""`manage.py runplatform` as a person runs it: real processes, real stores, the real model."""

import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.platform_run import ALONE, Run, health, none_left, offspring, running
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(400)


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
    assert other.manage("migrate", "--check").returncode != 0
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
