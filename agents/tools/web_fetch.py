"""A page of the web as readable text."""

import json
import sys
from pathlib import Path
from typing import Final

from agents.egress import client
from agents.egress.client import Answer, Limits
from agents.egress.errors import EgressError
from agents.tools import child, page_text
from agents.tools.tool import ToolError, tool

MAX_PAGE_BYTES = 3 * 1024 * 1024
MAX_TEXT_CHARACTERS = 20_000
PARSE_SECONDS = 8
HTML = ("text/html", "application/xhtml+xml")
LIMITS: Final = Limits(
    total_seconds=20,
    max_bytes=MAX_PAGE_BYTES,
    takes=lambda media_type: not media_type or media_type in HTML or _is_text(media_type),
)
ACCEPT = "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9,application/xml;q=0.8,*/*;q=0.1"


@tool(effect="pure", timeout_seconds=40)
async def web_fetch(url: str) -> str:
    """Fetch a public web page and give its title and text as Markdown. Also takes plain text, JSON and XML.

    Args:
        url: The full address, such as https://example.com/page.
    """
    try:
        answer = await client.request(
            "GET", url, headers={"Accept": ACCEPT, "Accept-Language": "en,*;q=0.5"}, limits=LIMITS
        )
    except EgressError as error:
        raise ToolError(str(error)) from error
    if not answer.is_success:
        raise ToolError(f"{answer.url} answered {answer.told}.")
    title, text = await _read(answer)
    is_cut = answer.is_cut or len(text) > MAX_TEXT_CHARACTERS
    text = text[:MAX_TEXT_CHARACTERS].strip() or "[The page has no text.]"
    note = f"\n\n[The page goes on; these are its first {len(text)} characters.]" if is_cut else ""
    heading = f"Title: {title[:300]}\n" if title else ""
    return f"{heading}Address: {answer.url}\n\n{text}{note}"


def _is_text(media_type: str) -> bool:
    kind, _, name = media_type.partition("/")
    return kind == "text" or (kind == "application" and (name in ("json", "xml") or name.endswith(("+json", "+xml"))))


async def _read(answer: Answer) -> tuple[str, str]:
    if answer.content_type in HTML or (not answer.content_type and answer.body.lstrip()[:1] == b"<"):
        return await _parsed(answer)
    return "", page_text.decoded(answer.body, answer.charset)


async def _parsed(answer: Answer) -> tuple[str, str]:
    """The page's title and text, by a program that is killed where the page keeps it too long."""
    done = await child.run(
        [sys.executable, "-I", str(Path(page_text.__file__))],
        given=json.dumps({"url": answer.url, "charset": answer.charset}).encode() + b"\n" + answer.body,
        seconds=PARSE_SECONDS,
        max_bytes=8 * page_text.MAX_TEXT_CHARACTERS,
    )
    try:
        page = json.loads(done.output)
    except ValueError as error:
        raise ToolError(f"The page at {answer.url} is too large or too tangled to be read.") from error
    return page["title"], page["text"]
