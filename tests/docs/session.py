"""Runs a page's snippets as its reader does: one after the other, in one shell or one program."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import ROOT, Block

BASE = "http://127.0.0.1:8000"
MARK = "\x1e"
# What the programs print between two snippets, so that each one's output is known.
RUN_AS = {
    "bash": (["bash", "-eu"], "sh", "printf '\\036'\n{}"),
    "python": ([sys.executable], "py", "print(chr(30), end='', flush=True)\n{}"),
    "javascript": (["node"], "mjs", "process.stdout.write('\\x1e');\n{}"),
}


@dataclass(frozen=True)
class Ran:
    """A snippet and what it printed."""

    block: Block
    output: str


def run(
    snippets: Sequence[Block],
    *,
    url: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> list[Ran]:
    """Run the snippets, all of one language, against the server at `url`, in a folder that looks like the project's.

    Fails with what the program said when it ends with an error, or when a machine lacks the program.
    """
    program, suffix, marked = RUN_AS[snippets[0].language]
    assert shutil.which(program[0]), f"{program[0]} is missing; .ci/run installs what the documents' snippets need"
    text = "".join(marked.format(snippet.text) for snippet in snippets)
    for shown, used in {BASE: url, ".venv/bin/python": sys.executable, **(replaced or {})}.items():
        text = text.replace(shown, used)
    _look_like_the_project(folder)
    script = folder / f"snippets.{suffix}"
    script.write_text(text)
    ended = subprocess.run(
        [*program, script.name],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    outputs = ended.stdout.split(MARK)[1:]
    last = snippets[max(len(outputs) - 1, 0)]
    assert ended.returncode == 0, f"{last} failed:\n{ended.stdout.split(MARK)[-1]}\n{ended.stderr}"
    return [Ran(snippet, output) for snippet, output in zip(snippets, outputs, strict=True)]


def _look_like_the_project(folder: Path) -> None:
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry)
