"""One watched child process: started, read, started again when it dies, stopped in time."""

import asyncio
import contextlib
import subprocess
import time

from agentplatform.embedded.program import Program
from agentplatform.supervisor.lines import LinePipe
from agentplatform.supervisor.output import Output

READY_POLL_SECONDS = 0.05
FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A child that ran this long has recovered: its next death counts as its first."""
LAST_LINES_SECONDS = 1.0


class StartFailed(Exception):
    """A child could not be started, or ended or stayed silent before it was ready; the message holds its last words."""


class Child:
    """Keeps one program running until it is told to stop."""

    def __init__(self, program: Program, output: Output) -> None:
        self.program = program
        self._output = output
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._last_line = "it said nothing"

    async def start(self, ready_within_seconds: float) -> None:
        """Start the program, wait until it is ready, and keep it running from then on. Raises StartFailed."""
        await self._spawn()
        await self._until_ready(ready_within_seconds)
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self.program.name}")

    async def run_once(self) -> None:
        """Run the program to its end. Raises StartFailed when it reports a failure."""
        await self._spawn()
        status = await self._ended()
        if status != 0:
            raise StartFailed(self._last_words(status))

    async def stop(self) -> None:
        """End the program: politely first, by force when it takes too long."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self.program.stop_signal)
        try:
            await asyncio.wait_for(self._ended(), self.program.stop_seconds)
        except TimeoutError:
            self._output.news("platform_child_killed", level="warning", child=self.program.name)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._ended()

    async def _spawn(self) -> None:
        pipe = await LinePipe.open()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.program.command,
                cwd=self.program.folder,
                env=self.program.full_environment(),
                preexec_fn=self.program.before_start(),
                start_new_session=True,  # a Ctrl-C on the terminal is ours to pass on, in order
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe.write_end,
                stderr=pipe.write_end,
            )
        except (OSError, subprocess.SubprocessError) as error:
            pipe.close()
            raise StartFailed(f"{self.program.name} cannot be started: {error}") from error
        finally:
            pipe.hand_over()
        self._reading = asyncio.create_task(self._read(pipe), name=f"read {self.program.name}")

    async def _read(self, pipe: LinePipe) -> None:
        try:
            async for line in pipe.lines():
                if not self.program.is_noise(line):
                    self._last_line = line
                    self._output.line(self.program.name, line)
        finally:
            pipe.close()

    async def _ended(self) -> int:
        """Wait for the end of the process and for its last lines; give its exit status."""
        assert self._process is not None
        assert self._reading is not None
        status = await self._process.wait()
        # A grandchild may hold the pipe open longer than we want to listen.
        await asyncio.wait([self._reading], timeout=LAST_LINES_SECONDS)
        self._reading.cancel()
        return status

    async def _until_ready(self, within_seconds: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + within_seconds
        while not await asyncio.to_thread(self.program.is_ready, self._process.pid):
            if self._process.returncode is not None:
                raise StartFailed(self._last_words(await self._ended()))
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.program.name} was not ready within {within_seconds:.0f} s")
            await asyncio.sleep(READY_POLL_SECONDS)

    async def _watch(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while True:
            began = time.monotonic()
            status = await self._ended()
            if time.monotonic() - began > STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            self._output.news(
                "platform_child_died", level="error", child=self.program.name, status=status, restart_in_seconds=delay
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            try:
                await self._spawn()
            except StartFailed as error:
                self._output.news("platform_child_not_started", level="error", reason=str(error))

    def _last_words(self, status: int) -> str:
        return f"{self.program.name} ended with status {status}: {self._last_line}"
