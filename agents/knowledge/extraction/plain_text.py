"""Text without a form: paragraphs are what blank lines separate."""

import codecs
import re

from agents.knowledge.extraction.blocks import CannotRead, Paragraph, flowing, plain
from agents.knowledge.extraction.sources import Caps, Parts, Source

BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read(content: bytes, _: Caps) -> Source:
    """Text in UTF-8, or in UTF-16 with its mark. Raises CannotRead for anything else."""
    return Source(_paragraphs(decoded(content)))


def decoded(content: bytes) -> str:
    """The text of the bytes. Encodings are not guessed: a wrong guess would stand in answers. Raises CannotRead."""
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise CannotRead("It is not text in UTF-8; save it in that encoding, then upload it again.") from error
    if "\0" in text:
        raise CannotRead("It is not text but binary data.")
    return plain(text)


def _paragraphs(text: str) -> Parts:
    for paragraph in BLANK_LINE.split(text):
        if flowed := flowing(paragraph):
            yield Paragraph(flowed)
