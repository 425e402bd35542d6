"""PDF: the text of each page, and the bookmarks as headings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError

from agents.knowledge.extraction.blocks import CannotRead, Heading, Paragraph, flowing, heading
from agents.knowledge.extraction.sources import Caps, Source

DAMAGED = "It is no PDF that can be read; it may be damaged."
PROTECTED = "It is protected by a password. Save it without one, then upload it again."
HYPHEN_AT_END = re.compile(r"([^\W\d_])[-\u2010]\n([^\W\d_])")
SOFT_HYPHEN_AT_END = re.compile("\xad *\n")
BLANK_LINE = re.compile(r"\n\s*\n")
DOTTED_LINE = re.compile(r"(?:[^\S\n]?[.·…_]){5,}")
NUMBERING = re.compile(r"(?:\d{1,3}|[a-z](?=\.))(?:\.\d{1,3})*\.? ")
LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)
MAX_BOOKMARKS = 5_000
SHOWN_PAGES = 10


def read(content: bytes, caps: Caps) -> Source:
    """The text that a PDF holds; pictures of text are not read. Raises CannotRead."""
    try:
        reader = PdfReader(BytesIO(content))
        is_locked = reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED
        pages = 0 if is_locked else len(reader.pages)
    except MemoryError:
        raise
    except DependencyError as error:
        raise CannotRead(PROTECTED) from error
    except Exception as error:  # whatever the package makes of a damaged file
        raise CannotRead(DAMAGED) from error
    if is_locked:
        raise CannotRead(PROTECTED)
    if pages > caps.pages:
        raise CannotRead(f"It has {pages:,} pages; at most {caps.pages:,} are read. Upload it in parts.")
    remarks: list[str] = []
    return Source(_parts(reader, remarks), pages, remarks)


def _parts(reader: PdfReader, remarks: list[str]) -> Iterator[Heading | Paragraph]:
    bookmarks = _bookmarks(reader)
    unread, without_text = [], []
    for number in range(1, len(reader.pages) + 1):
        try:
            text = reader.pages[number - 1].extract_text()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # one page that is damaged, or drawn with too much, leaves the others as they are
            unread.append(number)
            continue
        if not text.strip():
            without_text.append(number)
        yield from _page(mended(text), number, bookmarks.get(number, []))
    if unread:
        remarks.append(f"{_named(unread).capitalize()} could not be read.")
    if without_text:
        remarks.append(f"There is no text on {_named(without_text)}: empty, or a picture of text.")


def mended(text: str) -> str:
    """The text with words whole that a line's end had divided, letters apart that were drawn as one, and no dotted lines."""
    text = DOTTED_LINE.sub(" …", SOFT_HYPHEN_AT_END.sub("", text.translate(LIGATURES)))
    return HYPHEN_AT_END.sub(lambda found: found[1] + found[2] if found[2].islower() else found[0], text)


def _page(text: str, number: int, bookmarks: list[Heading]) -> Iterator[Heading | Paragraph]:
    """The page's paragraphs. A bookmark takes effect at the line that says the same; a chapter's at the top where none does."""
    lines = text.split("\n")
    places = {name: place for place, line in reversed(list(enumerate(lines))) for name in _names(line)}
    begins = 0
    for bookmark in bookmarks:
        place = next((places[name] for name in _names(bookmark.text) if name in places), -1)
        if place >= begins:
            yield from _paragraphs(lines[begins:place], number)
            begins = place + 1
            yield bookmark
        elif bookmark is bookmarks[0] and bookmark.level == 1:
            yield bookmark
    yield from _paragraphs(lines[begins:], number)


def _names(line: str) -> tuple[str, str]:
    """A line as a bookmark may say it: with its numbering and without."""
    name = " ".join(line.split()).casefold()
    numbered = NUMBERING.match(name)
    return name, name[numbered.end() :] if numbered else name


def _paragraphs(lines: list[str], number: int) -> Iterator[Paragraph]:
    for paragraph in BLANK_LINE.split("\n".join(lines)):
        if text := flowing(paragraph):
            yield Paragraph(text, number)


def _bookmarks(reader: PdfReader) -> Mapping[int, list[Heading]]:
    """The headings by the page that they lead to; none where the file's list of them is damaged."""
    found: dict[int, list[Heading]] = defaultdict(list)
    try:
        for count, (level, bookmark) in enumerate(_flat(reader.outline)):
            page = reader.get_destination_page_number(bookmark)
            said = heading(level, bookmark.title or "", None if page is None else page + 1)
            if count < MAX_BOOKMARKS and page is not None and said is not None:
                found[page + 1].append(said)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # the pages can be read all the same
        return {}
    return found


def _flat(outline: list[Any], level: int = 1) -> Iterator[tuple[int, Any]]:
    for entry in outline:
        if isinstance(entry, list):
            yield from _flat(entry, level + 1)
        else:
            yield level, entry


def _named(pages: list[int]) -> str:
    more = f" and {len(pages) - SHOWN_PAGES:,} more" if len(pages) > SHOWN_PAGES else ""
    return f"page{'s' * (len(pages) > 1)} {', '.join(map(str, pages[:SHOWN_PAGES]))}{more}"
