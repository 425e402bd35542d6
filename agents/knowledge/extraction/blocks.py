"""What a file is read into: headings and paragraphs in order, then blocks of text under their headings."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_HEADING_CHARACTERS = 150
XML_ERR_NO_MEMORY = 2
INDENT = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\n{3,}")
AT_ENDS = re.compile(r"[^\S\n]*\n[^\S\n]*")
# Neither seen nor searched for: control characters, soft hyphens, direction marks, tags. Instructions have been hidden in them.
UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class CannotRead(Exception):
    """The file cannot become passages. The message is a sentence for the operator who uploaded it."""


def damage(error: Exception, told: str) -> Exception:
    """What a parser's error comes to: the file is at fault, unless the memory was spent, which libxml2 says by a number."""
    return MemoryError() if getattr(error, "code", None) == XML_ERR_NO_MEMORY else CannotRead(told)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the highest."""

    level: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What belongs together: a paragraph, a list, a table's row, a piece of code. `page` counts from 1 where there are pages."""

    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph and the headings above it, the highest first."""

    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None


def outlined(parts: Iterable[Heading | Paragraph]) -> Iterator[Block]:
    """Give each paragraph its headings. A heading with nothing below it is text as well, so that nothing gets lost."""
    path: list[Heading] = []
    is_bare = False
    for part in parts:
        if isinstance(part, Heading):
            if is_bare and part.level <= path[-1].level:
                yield _bare(path)
            path = [*(above for above in path if above.level < part.level), part]
            is_bare = True
        else:
            is_bare = False
            yield Block(part.text, tuple(heading.text for heading in path), part.page)
    if is_bare:
        yield _bare(path)


def _bare(path: list[Heading]) -> Block:
    return Block(path[-1].text, tuple(above.text for above in path[:-1]), path[-1].page)


def plain(text: str) -> str:
    """The text without what cannot be seen, with one kind of line end."""
    return UNSEEN.sub("", LINE_ENDS.sub("\n", text))


def flowing(text: str) -> str:
    """The same for prose: single spaces, no space at a line's ends, at most one blank line."""
    return BLANK_LINES.sub("\n\n", AT_ENDS.sub("\n", INDENT.sub(" ", plain(text)))).strip()


def heading(level: int, text: str, page: int | None = None) -> Heading | None:
    """A heading on one line, cut where it is too long to be one; None when it says nothing."""
    line = " ".join(plain(text).split())
    if len(line) > MAX_HEADING_CHARACTERS:
        line = f"{line[: MAX_HEADING_CHARACTERS - 1]}…"
    return Heading(level, line, page) if line else None
