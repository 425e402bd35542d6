"""The process that reads one file: `python -m agents.knowledge.extraction '{"format": "pdf", …}' < file`.

It bounds itself before it looks at a byte, and says on standard output, a line of JSON each, how far it is, each passage, and
the end: `done` with what it read, or `refused` with a sentence.
"""

import importlib
import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agents.knowledge.extraction.blocks import Block, CannotRead, outlined
from agents.knowledge.extraction.sources import Caps, Reader, Source
from agents.knowledge.extraction.splitting import passages

READERS = {"text": "plain_text", "markdown": "markdown", "html": "html", "docx": "word", "pdf": "pdf"}
NICENESS = 10
MOST_PASSAGES = 20_000
NO_TEXT = "It holds no text. If it is scanned, have the text recognised (OCR), then upload it again."


def main() -> None:
    """Read the file on standard input within the bounds of the first argument."""
    asked = json.loads(sys.argv[1])
    _bound(asked["memory_bytes"], asked["cpu_seconds"])
    try:
        _read(asked["format"], sys.stdin.buffer.read(), Caps(asked["max_pages"], asked["max_characters"]))
    except CannotRead as error:
        _say({"refused": str(error)})
    except MemoryError:
        megabytes = asked["memory_bytes"] // 1024 // 1024
        _say({"refused": f"Reading it takes more than {megabytes:,} MiB of memory. Upload it in smaller parts."})
    except Exception:  # noqa: BLE001  # the file did it, whatever it is
        _say({"refused": "It could not be read; it may be damaged."})


def _bound(memory_bytes: int, cpu_seconds: int) -> None:
    # Should the machine lack memory, the kernel is to end this process and not the worker that started it.
    Path("/proc/self/oom_score_adj").write_text("1000")
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    for nothing in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(nothing, (0, 0))


def _read(name: str, content: bytes, caps: Caps) -> None:
    reader: Reader = importlib.import_module(f"agents.knowledge.extraction.{READERS[name]}").read
    source = reader(content, caps)
    count = characters = 0
    for passage in passages(_watched(source, caps)):
        if passage.number > MOST_PASSAGES:
            raise CannotRead(f"It has more than {MOST_PASSAGES:,} sections. Upload it in parts.")
        count, characters = passage.number, passage.end
        _say(
            {
                "number": passage.number,
                "headings": passage.headings,
                "first_page": passage.first_page,
                "last_page": passage.last_page,
                "start": passage.start,
                "end": passage.end,
                "text": passage.text,
            }
        )
    if not count:
        raise CannotRead(NO_TEXT)
    _say({"done": {"pages": source.pages, "characters": characters, "remark": " ".join(source.remarks)}})


def _watched(source: Source, caps: Caps) -> Iterator[Block]:
    """The blocks as they come, counted; says how far it is. Raises CannotRead for too much text."""
    characters = percent = 0
    for block in outlined(source.parts):
        characters += len(block.text)
        if characters > caps.characters:
            raise CannotRead(f"It has more than {caps.characters:,} characters of text. Upload it in parts.")
        if source.pages and block.page and (now := 100 * block.page // source.pages) > percent:
            percent = now
            _say({"percent": percent})
        yield block


def _say(said: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(said)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
