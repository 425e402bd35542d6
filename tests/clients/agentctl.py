"""`agentctl` as tests run it: in this process, or as a program of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentplatform_client.cli import program

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "clients/python/src"
COMMAND = [sys.executable, "-m", "agentplatform_client.cli"]


@dataclass(frozen=True)
class Said:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str


class Agentctl:
    """The command with its settings in the environment. `agentctl("run", "Say hello.")` runs it here."""

    def __init__(
        self, environment: dict[str, str], capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.environment = environment
        self._capsys = capsys
        for name, value in environment.items():
            patch.setenv(name, value)

    def __call__(self, *arguments: str) -> Said:
        self._capsys.readouterr()
        code = program.run(list(arguments))
        said = self._capsys.readouterr()
        # The server runs in this process too, and logs to standard output.
        out = "".join(
            line for line in said.out.splitlines(keepends=True) if not line.startswith('{"') or '"event": "' not in line
        )
        return Said(code, out, said.err)

    def begin(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start it as a program of its own, which hears Ctrl-C though a shell in the background has that ignored."""
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(SOURCE)}
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = ["env", "--default-signal=INT", *COMMAND, *arguments]
        return subprocess.Popen(command, env=environment, text=True, **streams)


def ended(process: "subprocess.Popen[str]") -> Said:
    """Wait for the program's end."""
    out, err = process.communicate(timeout=40)
    return Said(process.returncode, out or "", err or "")
