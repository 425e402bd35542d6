"""The embedded PostgreSQL, Valkey and model: real processes, each test with a data folder of its own."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agentplatform.embedded import addresses, lifeline, model, postgres, unprivileged, wheels
from agentplatform.embedded.addresses import Addresses
from agentplatform.embedded.claim import claim
from agentplatform.embedded.errors import AlreadyClaimed, NotInstalled, PreparationFailed
from agentplatform.embedded.ports import LOOPBACK, free_port, is_free, numeric
from agentplatform.embedded.program import Program
from agentplatform.embedded.stores import running, running_stores
from tests.waiting import eventually

# Runs both stores in the folder of its argument, says so, and waits to be killed.
OWNER = """
import signal, sys
from pathlib import Path
from agentplatform.embedded.stores import running_stores
with running_stores(Path(sys.argv[1])) as addresses:
    print(addresses.database_url, flush=True)
    signal.pause()
"""
# Does what a web server does: forks a worker, which binds itself to its parent.
FORKING_SERVER = """
import multiprocessing, signal
from agentplatform.embedded.lifeline import die_with_parent
def work(pipe):
    die_with_parent()
    pipe.send("bound")
    signal.pause()
ours, theirs = multiprocessing.Pipe()
worker = multiprocessing.get_context("fork").Process(target=work, args=[theirs])
worker.start()
ours.recv()
print(worker.pid, flush=True)
signal.pause()
"""


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose first start is behind it."""
    data_dir = tmp_path_factory.mktemp("embedded")
    with running_stores(data_dir):
        return data_dir


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    with running_stores(tmp_path_factory.mktemp("served")) as found:
        yield found


def test_both_stores_answer(served: Addresses) -> None:
    assert served.database_url
    assert served.redis_url
    with psycopg.connect(served.database_url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.info.server_version // 10_000 == 16
    with redis.Redis.from_url(served.redis_url) as client:
        assert client.ping()


@pytest.mark.parametrize("store", ["database_url", "redis_url"])
def test_a_store_listens_on_loopback_alone(served: Addresses, store: str) -> None:
    port = urlsplit(getattr(served, store)).port
    listening = {
        local.split(":")[0]
        for _, local, _, state, *_ in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if state == "0A" and int(local.split(":")[1], 16) == port
    }
    assert listening == {"0100007F"}  # 127.0.0.1, in the kernel's byte order


def test_the_database_refuses_a_wrong_password(served: Addresses) -> None:
    assert served.database_url
    parts = urlsplit(served.database_url)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=LOOPBACK, port=parts.port, user=parts.username, password="wrong", dbname=parts.path[1:])


def test_valkey_refuses_callers_without_password(served: Addresses) -> None:
    assert served.redis_url
    port = urlsplit(served.redis_url).port
    assert port
    with redis.Redis(LOOPBACK, port, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_what_the_stores_hold_outlives_their_stop(tmp_path: Path) -> None:
    with running_stores(tmp_path) as first:
        assert first.database_url
        assert first.redis_url
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(first.redis_url) as client:
            client.lpush("jobs", "a job")
    with running_stores(tmp_path) as second:
        assert second.database_url
        assert second.redis_url
        with psycopg.connect(second.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        with redis.Redis.from_url(second.redis_url) as client:
            assert client.lpop("jobs") == b"a job"


def test_secrets_are_readable_by_their_owner_alone(folder: Path) -> None:
    secrets = [*folder.glob("*.password"), folder / "valkey" / "valkey.conf"]
    assert len(secrets) == 3
    for file in secrets:
        reachable = stat.S_IMODE(file.stat().st_mode) & stat.S_IMODE(file.parent.stat().st_mode)
        assert reachable & 0o077 == 0, file


def test_after_kill_9_of_the_owner_no_process_is_left_and_the_next_start_works(folder: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, folder], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout
        url = owner.stdout.readline().strip()
        children = [int(pid) for pid in Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()]
        assert len(children) == 2
        owner.kill()
    eventually(lambda: not any(map(is_alive, children)))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with running_stores(folder) as again:
        assert again.database_url
        psycopg.connect(again.database_url).close()


def test_a_pid_file_whose_number_belongs_to_another_program_is_no_obstacle(folder: Path) -> None:
    with running_stores(folder):
        left_behind = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    left_behind[0] = str(os.getpid())
    (folder / "postgres" / "postmaster.pid").write_text("\n".join(left_behind) + "\n")
    with running_stores(folder):
        assert postmaster(folder) != os.getpid()


def test_it_waits_for_the_server_of_a_killed_run_to_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "HANDOVER_SECONDS", 0.2)
    with running_stores(folder), pytest.raises(PreparationFailed, match=r"process \d+ still serves"):
        postgres.prepare(folder)


def test_a_first_start_that_fails_says_why_and_leaves_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "NAME", "no such; name")
    with pytest.raises(PreparationFailed, match="could not be made"):
        postgres.prepare(tmp_path)
    assert not (tmp_path / "postgres").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes nobody")
def test_without_user_namespaces_root_runs_the_database_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unprivileged, "has_user_namespaces", lambda: False)
    with running_stores(tmp_path):
        place = Path((tmp_path / "postgres.place").read_text())
    for _start in ("the second", "the third"):
        with running_stores(tmp_path) as found:
            assert found.database_url
            psycopg.connect(found.database_url).close()
            pid = int((place / "files" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            assert Path(f"/proc/{pid}").stat().st_uid == unprivileged.NOBODY
    subprocess.run(["rm", "-r", place], check=True)


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(AlreadyClaimed, match=f"another platform runs with DATA_DIR={tmp_path}"):
        claim(tmp_path).__enter__()
    with claim(tmp_path):
        pass


def test_addresses_are_known_while_their_owner_lives(tmp_path: Path) -> None:
    recorded = Addresses(database_url="postgres://here", redis_url="redis://here")
    assert addresses.read(tmp_path) == Addresses()
    with claim(tmp_path):
        addresses.write(tmp_path, recorded)
        assert addresses.read(tmp_path) == recorded
        assert stat.S_IMODE((tmp_path / "embedded.json").stat().st_mode) == 0o600
    assert addresses.read(tmp_path) == Addresses()


@pytest.mark.parametrize("content", ["", "[]", '{"unknown": 1}'])
def test_an_unreadable_record_counts_as_nothing_running(tmp_path: Path, content: str) -> None:
    with claim(tmp_path):
        (tmp_path / "embedded.json").write_text(content)
        assert addresses.read(tmp_path) == Addresses()


def test_a_missing_wheel_is_named_with_what_to_do() -> None:
    with pytest.raises(NotInstalled, match=r"no_such_wheel is not installed.*requirements/embedded\.txt.*DATABASE_URL"):
        wheels.carried("no_such_wheel", "*")


def test_a_forked_worker_dies_with_its_server() -> None:
    environment = {**os.environ, lifeline.VARIABLE: "1"}
    server = subprocess.Popen(
        [sys.executable, "-c", FORKING_SERVER], env=environment, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout
        worker = int(server.stdout.readline())
        assert is_alive(worker)
        server.kill()
    eventually(lambda: not is_alive(worker))


def test_a_program_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    broken = Program(name="broken", command=["sh", "-c", "echo why; exit 3"], is_ready=lambda _pid: False)
    with pytest.raises(PreparationFailed, match="broken did not start"), running(broken, tmp_path):
        pass
    assert (tmp_path / "broken.log").read_text() == "why\n"


def test_a_program_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap '' TERM; touch {ready}; while :; do sleep 1; done"
    deaf = Program(name="deaf", command=["sh", "-c", script], is_ready=lambda _pid: ready.exists())
    with running(replace(deaf, stop_seconds=0.1, stop_signal=signal.SIGTERM), tmp_path) as pid:
        assert is_alive(pid)
    assert not is_alive(pid)


def test_a_port_in_use_is_not_free(served: Addresses) -> None:
    port = urlsplit(served.database_url or "").port
    assert port
    assert not is_free(LOOPBACK, port)
    assert is_free(LOOPBACK, free_port())


def test_a_hosts_name_becomes_an_address() -> None:
    assert numeric("localhost") == LOOPBACK
    assert numeric("::1") == "::1"
    with pytest.raises(OSError, match="not known"):
        numeric("nowhere.invalid")


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="Cannot assign"):
        is_free("192.0.2.1", 8000)


def test_the_model_answers_in_openais_protocol(tmp_path: Path) -> None:
    server = model.prepare()
    question = {
        "model": model.ALIAS,
        "max_completion_tokens": 20,
        "temperature": 0,  # the same answer each time
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. Answer briefly and correctly."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    }
    with running(server.program, tmp_path):
        request = urllib.request.Request(
            f"{server.url}/chat/completions", json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
    assert answer["model"] == model.ALIAS
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] <= 20
