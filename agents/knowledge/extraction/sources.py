"""What a reader of a format gives: the parts of a file in order, and what is to be said about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agents.knowledge.extraction.blocks import Heading, Paragraph

Parts = Iterator[Heading | Paragraph]


@dataclass(frozen=True, slots=True)
class Caps:
    """What is read of one file, at most."""

    pages: int
    characters: int


@dataclass(slots=True)
class Source:
    """An opened file. `remarks` are sentences on what could not be read; they are complete once `parts` is exhausted."""

    parts: Parts
    pages: int | None = None
    remarks: list[str] = field(default_factory=list)


Reader = Callable[[bytes, Caps], Source]
