"""HTML: what a reader of the page sees, by its headings."""

from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from agents.knowledge.extraction.blocks import CannotRead, Heading, Paragraph, damage, flowing, heading, plain
from agents.knowledge.extraction.sources import Caps, Source

UNSEEN = {
    "applet", "audio", "canvas", "datalist", "embed", "frame", "head", "iframe", "map", "math", "nav", "noscript", "object",
    "script", "select", "style", "svg", "template", "video",
}  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
STOPPED = "ERR_RESOURCE_LIMIT"
"""What the parser notes where it leaves the rest of a page out: all else it makes the best of, as browsers do."""
PREFORMATTED = -1
"""Where a piece of code or the like ends: its spaces and line ends stay."""
# What interrupts a line of text.
BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "hr", "legend", "li", "main", "ol", "p", "pre", "section",
    "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
}  # fmt: skip
CELLS = {"td", "th"}


def read(content: bytes, _: Caps) -> Source:
    """A page, in the encoding that it declares, else UTF-8. Raises CannotRead."""
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CannotRead("It is not text but binary data.")
    parser = lxml_html.HTMLParser(
        encoding=None if _declares_encoding(content) else "utf-8", remove_comments=True, huge_tree=True
    )
    try:
        root = lxml_html.document_fromstring(content, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise damage(error, "It is no HTML page that can be read.") from error
    if any(entry.type_name == STOPPED for entry in parser.error_log):
        raise CannotRead("Its elements are nested too deeply to be read.")
    return Source(_parts(root))


def _declares_encoding(content: bytes) -> bool:
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"charset" in content[:2048].lower()


def _parts(root: Any) -> Iterator[Heading | Paragraph]:
    said: list[str] = []
    for piece in _pieces(root):
        if isinstance(piece, str):
            said.append(piece)
            continue
        written = "".join(said)
        text = plain(written).strip("\n").rstrip() if piece == PREFORMATTED else flowing(written)
        if text and (part := heading(piece, text) if piece > 0 else Paragraph(text)):
            yield part
        said = []


def _pieces(root: Any) -> Iterator[str | int]:
    """Texts, and numbers where something ends: the level of a heading, PREFORMATTED, or 0 for all else."""
    hidden: Any = None
    preformatted = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        is_start, name = event == "start", element.tag
        if hidden is None and is_start and _is_hidden(element):
            hidden = element
        if hidden is not None:
            if element is hidden and not is_start:
                hidden = None
                yield _inline(element.tail, preformatted)
            continue
        preformatted += (name == "pre") * (1 if is_start else -1)
        if is_start and (name in HEADINGS or name in BLOCKS):
            yield 0
        elif name in HEADINGS:
            yield HEADINGS[name]
        elif name in BLOCKS:
            yield PREFORMATTED if name == "pre" else 0
        elif name in CELLS and not is_start:
            yield " | "
        elif name == "br" and is_start:
            yield "\n"
        yield _inline(element.text if is_start else element.tail, preformatted)
    yield 0


def _inline(text: str | None, preformatted: int) -> str:
    """Line ends mean nothing in a page's text, except where it is preformatted."""
    if not text:
        return ""
    return text if preformatted else text.replace("\n", " ").replace("\r", " ")


def _is_hidden(element: Any) -> bool:
    if not isinstance(element.tag, str) or element.tag in UNSEEN or "hidden" in element.attrib:
        return True
    style = "".join((element.get("style") or "").lower().split())
    return "display:none" in style or "visibility:hidden" in style
