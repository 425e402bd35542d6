"""The process that reads a file, from its parent's side: started, watched, bounded, and believed only line by line."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from django.conf import settings

from agents.knowledge.extraction.blocks import CannotRead
from agents.knowledge.extraction.splitting import Passage

LOOK_SECONDS = 0.1
BEYOND_SECONDS = 10
MAX_LINE_BYTES = 256 * 1024


class Interrupted(Exception):
    """Whoever wanted it read does so no longer."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a file says. `remark` names what of it could not be read."""

    passages: list[Passage]
    pages: int | None
    characters: int
    remark: str


def extract(
    format_: str,
    content: bytes,
    *,
    on_percent: Callable[[int], None],
    is_unwanted: Callable[[], bool],
) -> Extracted:
    """Have the file read, within the time and memory that the settings allow.

    Raises CannotRead with a sentence for the operator, and Interrupted soon after `is_unwanted` tells so.
    """
    with _watched(format_, is_unwanted) as (process, ended_by):
        passages, last = _told(process, content, on_percent)
    if ended_by:
        raise ended_by[0]
    if "refused" in last:
        raise CannotRead(str(last["refused"]))
    if "done" not in last:
        raise CannotRead("Reading it broke off; it may be damaged, or take more memory than there is.")
    return Extracted(passages, **last["done"])


@contextmanager
def _watched(
    format_: str, is_unwanted: Callable[[], bool]
) -> Iterator[tuple["subprocess.Popen[bytes]", list[Exception]]]:
    """The process, killed at the end of its time or of the block. It gets no secrets: its environment is empty."""
    seconds = settings.KNOWLEDGE_READING_SECONDS
    bounds = {
        "format": format_,
        "memory_bytes": settings.KNOWLEDGE_READING_BYTES,
        # Should this process be killed, its child ends by itself.
        "cpu_seconds": seconds + BEYOND_SECONDS,
        "max_pages": settings.KNOWLEDGE_MAX_PAGES,
        "max_characters": settings.KNOWLEDGE_MAX_CHARACTERS,
    }
    command = [sys.executable, "-E", "-s", "-m", "agents.knowledge.extraction", json.dumps(bounds)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=settings.BASE_DIR,
        env={},
    )
    ended_by: list[Exception] = []
    is_over = threading.Event()
    deadline = time.monotonic() + seconds

    def watch() -> None:
        while not (is_late := time.monotonic() > deadline) and not is_unwanted():
            if is_over.wait(LOOK_SECONDS):
                return
        told = f"Reading it takes more than {seconds} s. Upload it in smaller parts."
        ended_by.append(CannotRead(told) if is_late else Interrupted())
        process.kill()

    watcher = threading.Thread(target=watch, name="reading", daemon=True)
    watcher.start()
    try:
        yield process, ended_by
    finally:
        is_over.set()
        watcher.join()
        process.kill()
        with process:  # closes the pipes and waits
            pass


def _told(
    process: "subprocess.Popen[bytes]", content: bytes, on_percent: Callable[[int], None]
) -> tuple[list[Passage], dict[str, Any]]:
    """The passages, and the last thing that was said."""
    assert process.stdin is not None
    assert process.stdout is not None
    passages: list[Passage] = []
    try:
        process.stdin.write(content)
        process.stdin.close()
    except BrokenPipeError:
        return [], {}
    for said in _lines(process.stdout):
        if "percent" in said:
            on_percent(said["percent"])
        elif "text" in said:
            passages.append(Passage(**{**said, "headings": tuple(said["headings"])}))
        else:
            return passages, said
    return passages, {}


def _lines(output: IO[bytes]) -> Iterator[dict[str, Any]]:
    while line := output.readline(MAX_LINE_BYTES):
        try:
            said = json.loads(line)
        except ValueError:  # it was killed in the middle of a line
            return
        yield said
