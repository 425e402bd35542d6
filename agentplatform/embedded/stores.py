"""PostgreSQL and Valkey for the length of a block: what a test run needs, with no platform around it."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from agentplatform.embedded import postgres, valkey
from agentplatform.embedded.addresses import Addresses
from agentplatform.embedded.claim import claim
from agentplatform.embedded.errors import PreparationFailed
from agentplatform.embedded.program import Program

START_SECONDS = 60.0


@contextlib.contextmanager
def running_stores(data_dir: Path, tuning: Mapping[str, str] = postgres.FOR_TESTS) -> Iterator[Addresses]:
    """Run both stores in the folder and give their addresses; they end with the block, or with this process.

    Call it in the main thread. Raises EmbeddedError when they cannot run.
    """
    data_dir = data_dir.absolute()
    with claim(data_dir):
        database, cache = postgres.prepare(data_dir, tuning), valkey.prepare(data_dir)
        with running(database.program, data_dir), running(cache.program, data_dir):
            yield Addresses(database_url=database.url, redis_url=cache.url)


@contextlib.contextmanager
def running(program: Program, log_dir: Path, *, within: float = START_SECONDS) -> Iterator[int]:
    """Run one program until the block ends; give its process id once it is ready. Its output goes to a file.

    Raises PreparationFailed when it ends, or is not ready `within` so many seconds.
    """
    log_file = log_dir / f"{program.name}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            program.command,
            cwd=program.folder,
            env=program.full_environment(),
            preexec_fn=program.before_start(),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(program, process, log_file, within)
        yield process.pid
    finally:
        _stop(program, process)


def _wait_until_ready(program: Program, process: "subprocess.Popen[bytes]", log_file: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while not program.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise PreparationFailed(f"{program.name} did not start; {log_file} says why")
        time.sleep(0.02)


def _stop(program: Program, process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
