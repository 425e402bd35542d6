"""Word's .docx: paragraphs, tables and headings as its own styles name them."""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import docx
from docx.oxml.ns import qn

from agents.knowledge.extraction.blocks import CannotRead, Heading, Paragraph, damage, flowing, heading
from agents.knowledge.extraction.sources import Caps, Source

MOST_UNPACKED_BYTES = 200 * 1024 * 1024
MOST_FILES = 10_000
NUMBERED = re.compile(r"(?i)heading (\d)")
TITLE = re.compile(r"(?i)title")
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
PARAGRAPH, TABLE, ROW, CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
TEXT, TAB, BREAKS = qn("w:t"), qn("w:tab"), {qn("w:br"), qn("w:cr")}
# Inside a run of text, but no text of it: a tab's place, what stood there before a tracked change.
NOT_TEXT = {qn("w:pPr"), qn("w:rPr"), qn("w:del"), qn("w:moveFrom"), FALLBACK}


def read(content: bytes, _: Caps) -> Source:
    """A document as it reads with its tracked changes accepted. Raises CannotRead."""
    _bound(content)
    try:
        document = docx.Document(BytesIO(content))
        levels = {style.style_id: _level(style) for style in document.styles}
    except MemoryError:
        raise
    except Exception as error:  # whatever the packages below make of a damaged file
        raise damage(error, "It is no Word document that can be read; it may be damaged.") from error
    return Source(_parts(document.element.body, levels))


def _bound(content: bytes) -> None:
    """Refuse what unpacks to too much; a part that is longer than it says is cut off by zipfile itself."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            files = packed.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise CannotRead("It is no Word document that can be read; it may be damaged.") from error
    if any(file.flag_bits & 1 for file in files):
        raise CannotRead("It is protected by a password. Save it without one, then upload it again.")
    if len(files) > MOST_FILES or sum(file.file_size for file in files) > MOST_UNPACKED_BYTES:
        most = MOST_UNPACKED_BYTES // 1024 // 1024
        raise CannotRead(f"It unpacks to more than {most} MiB, which no honest Word document of its size does.")


def _level(style: Any) -> int:
    """The level of headings in this style, or in the one that it is based on; 0 for text."""
    for _ in range(10):
        if style is None:
            return 0
        if numbered := NUMBERED.fullmatch(style.name or ""):
            return int(numbered[1])
        if TITLE.fullmatch(style.name or ""):
            return 1
        style = getattr(style, "base_style", None)
    return 0


def _parts(container: Any, levels: dict[str, int]) -> Iterator[Heading | Paragraph]:
    for element in container:
        if element.tag == PARAGRAPH:
            if text := flowing(_text(element)):
                level = levels.get(element.style or "", 0)
                if part := heading(level, text) if level else Paragraph(text):
                    yield part
        elif element.tag == TABLE:
            yield from (Paragraph(row) for row in _rows(element))
        elif element.tag not in NOT_TEXT:  # content controls, inserted paragraphs: what is in them counts
            yield from _parts(element, levels)


def _rows(table: Any) -> Iterator[str]:
    for row in table.iter(ROW):
        cells = (" ".join(flowing(_text(cell)).split()) for cell in row.iter(CELL))
        if text := " | ".join(cell for cell in cells if cell):
            yield text


def _text(element: Any) -> str:
    """All text below an element, in order, without what tracked changes took away."""
    said: list[str] = []
    waiting = [element]
    while waiting:
        below = waiting.pop()
        if below.tag == TEXT:
            said.append(below.text or "")
        elif below.tag == TAB:
            said.append(" ")
        elif below.tag in BREAKS:
            said.append("\n")
        elif below.tag not in NOT_TEXT:
            if below.tag == PARAGRAPH and said:
                said.append("\n")
            waiting.extend(reversed(below))
    return "".join(said)
