"""Markdown: headings as such, all else as it is written, which models read well."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from agents.knowledge.extraction import plain_text
from agents.knowledge.extraction.blocks import Paragraph, heading
from agents.knowledge.extraction.sources import Caps, Parts, Source

FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
SAID = {"text", "code_inline"}


def read(content: bytes, _: Caps) -> Source:
    """CommonMark, in the encodings of plain text. Raises CannotRead."""
    return Source(_parts(FRONT_MATTER.sub("", plain_text.decoded(content))))


def _parts(text: str) -> Parts:
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for place, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        if token.type == "heading_open":
            if said := heading(int(token.tag[1]), _words(tokens[place + 1])):
                yield said
        elif written := "\n".join(lines[slice(*token.map)]).strip("\n").rstrip():
            yield Paragraph(written)


def _words(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in SAID)
