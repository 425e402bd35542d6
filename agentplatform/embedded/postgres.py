"""PostgreSQL 16 as a child of ours, from the binaries of a wheel: loopback only, behind a random password."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from agentplatform.embedded import lifeline
from agentplatform.embedded.errors import PreparationFailed
from agentplatform.embedded.passwords import password
from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.postgres_home import Home, find_home
from agentplatform.embedded.program import Program, Store

NAME = "agentplatform"
OPTIONS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is small in containers
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    # Failed statements are the caller's to report; their text may hold a prompt, so they are never logged here.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}
# Nothing of a test run has to survive a power cut.
FOR_TESTS: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
HANDOVER_SECONDS = 15.0


def prepare(data_dir: Path, tuning: Mapping[str, str] | None = None) -> Store:
    """Make the database's files where there are none, and describe the server to start. Takes seconds the first time.

    `tuning` adds to PostgreSQL's settings. Raises NotInstalled, PreparationFailed.
    """
    home = find_home(data_dir)
    secret = password(data_dir, "postgres")
    if home.folder.exists():
        _wait_for_predecessor(home.folder)
    else:
        _make_files(home, secret)
    port = free_port()
    options = [f"--{name}={value}" for name, value in {**OPTIONS, **(tuning or {}), "port": str(port)}.items()]
    program = Program(
        name="postgres",
        command=[home.binaries / "postgres", "-D", home.folder, *options],
        is_ready=lambda pid: _is_ready(home.folder, pid),
        become=home.become,
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything
        death_signal=signal.SIGQUIT,  # "immediate": nothing is lost, the next start replays the log
    )
    return Store(program=program, url=f"postgres://{NAME}:{secret}@{LOOPBACK}:{port}/{NAME}")


def _make_files(home: Home, secret: str) -> None:
    # Made beside its final place and moved there when complete: an interrupted first start leaves no half database.
    draft = home.folder.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    # Locale C is the one that every machine has.
    options = ["--username", NAME, "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", "--no-instructions"]
    _run(home, [home.binaries / "initdb", "-D", draft, *options])
    statements = f"ALTER ROLE {NAME} PASSWORD '{secret}';\nCREATE DATABASE {NAME};\n"
    _run(home, [home.binaries / "postgres", "--single", "-D", draft, "-c", "exit_on_error=on", "postgres"], statements)
    (draft / "pg_hba.conf").write_text(f"host all {NAME} {LOOPBACK}/32 scram-sha-256\n")
    draft.rename(home.folder)


def _run(home: Home, command: list[str | Path], statements: str = "") -> None:
    done = subprocess.run(
        command,
        input=statements,
        preexec_fn=lifeline.binder(signal.SIGKILL, home.become),
        cwd=home.folder.parent,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        last_line = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise PreparationFailed(f"PostgreSQL's files could not be made in {home.folder}: {' '.join(last_line)}")


def _is_ready(folder: Path, pid: int) -> bool:
    """Read the status that the postmaster keeps in its pid file, as pg_ctl does."""
    with contextlib.suppress(OSError):
        lines = (folder / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
    return False


def _wait_for_predecessor(folder: Path) -> None:
    """Let the server of a killed run end, and drop a pid file whose number now belongs to another program.

    PostgreSQL itself deals with the file of a dead process, but refuses to start while any process bears its number.
    """
    pid_file = folder / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    deadline = time.monotonic() + HANDOVER_SECONDS
    while _serves(pid, folder):
        if time.monotonic() > deadline:
            raise PreparationFailed(f"process {pid} still serves {folder}; end it first")
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        pid_file.unlink(missing_ok=True)


def _serves(pid: int, folder: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(folder) in arguments
