"""One process of the platform under test: started, hurt in every way, started again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from agentplatform.embedded.program import Program

START_SECONDS = 90.0


class PartFailed(Exception):
    """A part did not start."""


class Part:
    """A program and the process that runs it now. Everything goes to its whole process group."""

    def __init__(self, program: Program, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.program = program
        self.name = program.name
        self.environment = dict(environment or {})
        self.is_wanted = False
        """Whether it is to be started again when it ends by itself."""
        self.starts = 0
        self.control = folder / f"crash-{self.name}"
        self._log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self, extra: Mapping[str, str] | None = None, *, is_awaited: bool = True) -> None:
        """Start it, with `extra` environment for this time alone, and wait until it is ready. Raises PartFailed."""
        self.is_wanted = True
        self.starts += 1
        with self._log.open("ab") as log:
            # From the main thread: the kernel ends the child when the thread that made it ends.
            self._process = subprocess.Popen(  # noqa: ASYNC220  # a fork, which takes a millisecond
                self.program.command,
                cwd=self.program.folder,
                env=self.program.full_environment() | self.environment | dict(extra or {}),
                preexec_fn=self.program.before_start(),  # noqa: PLW1509  # calls that are safe there
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if is_awaited:
            await self.ready()

    async def ready(self) -> None:
        """Wait until it is ready. Raises PartFailed."""
        deadline = time.monotonic() + START_SECONDS
        while not await asyncio.to_thread(self.program.is_ready, self.pid):
            if not self.is_running or time.monotonic() > deadline:
                raise PartFailed(f"{self.name} did not start; {self._log} says why")
            await asyncio.sleep(0.1)

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal_number)

    def send_to_first(self, signal_number: signal.Signals) -> None:
        """Send a signal to its first process, as a supervisor does."""
        if self._process is not None:
            self._process.send_signal(signal_number)

    async def kill(self) -> None:
        """kill -9, and stay away."""
        self.is_wanted = False
        self.send(signal.SIGKILL)
        await self.ended(10)

    async def stop(self, within_seconds: float, signal_number: signal.Signals | None = None) -> bool:
        """End it politely, by force after so many seconds; whether it ended by itself."""
        self.is_wanted = False
        self.send_to_first(signal_number or self.program.stop_signal)
        is_polite = await self.ended(within_seconds)
        if not is_polite:
            await self.kill()
        return is_polite

    async def ended(self, within_seconds: float) -> bool:
        """Wait for its end so many seconds; whether it came."""
        deadline = time.monotonic() + within_seconds
        while self.is_running:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def crashes_fired(self) -> list[str]:
        """The crash points that ended it, in order."""
        fired = self.control.with_suffix(".fired")
        return [line.split()[0] for line in fired.read_text().splitlines()] if fired.exists() else []
