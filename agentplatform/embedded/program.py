"""A program to run as a child: what to start, when it is ready, how it stops."""

import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentplatform.embedded import lifeline


def _always(_pid: int) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Program:
    """One child process, described; the same description serves a supervisor and a test."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_ready: Callable[[int], bool] = _always
    """Asked again and again with the child's process id; answers within seconds and never raises."""
    folder: Path | None = None
    """The working folder; this process's own where none is named."""
    become: Callable[[], None] | None = None
    """Changes, in the child before it starts, whom it runs as."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends the child when its parent dies."""
    stop_seconds: float = 10.0
    """How long it may take to stop before it is killed."""
    noise: str = ""
    """A regular expression of output lines that tell nobody anything."""

    def is_noise(self, line: str) -> bool:
        """Tell whether a line of the program's output is better left out of the log."""
        return bool(self.noise) and re.search(self.noise, line) is not None

    def full_environment(self) -> dict[str, str]:
        """This process's environment with the program's own on top."""
        return {**os.environ, **self.environment, lifeline.VARIABLE: "1"}

    def before_start(self) -> Callable[[], None]:
        """The `preexec_fn` of the child. Fork from the main thread: the kernel watches the forking thread."""
        return lifeline.binder(self.death_signal, self.become)


@dataclass(frozen=True, kw_only=True)
class Store:
    """A program that others reach at an address."""

    program: Program
    url: str
