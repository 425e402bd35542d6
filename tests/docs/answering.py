"""Compares what a document shows with what really came; with WRITE_ANSWERS=1 it writes what came into the document."""

import json
import os
import re
from collections.abc import Iterable
from typing import Any

from tests.docs.markdown import ROOT, answer_of
from tests.docs.session import BASE, Ran

# What differs from run to run, by its form, and in JSON by its name.
VARIABLE = [
    # Pieces that come fast arrive together.
    (r"(id: \S+\nevent: text\.delta\ndata: .*\n)+", "<text>\n"),
    (r"[0-9a-f]{14}-[0-9a-f]{32}", "<cursor>"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)", "<time>"),
    (r"\b1[789]\d{8}\b", "<unix time>"),
    (r"\bt=\d+", "t=<seconds>"),
    (r"(?i)(retry-after: )\d+", r"\1<seconds>"),
    (r"in [0-9.]+ s\.", "in <seconds>."),
    (r"http://127\.0\.0\.1:\d+", BASE),
]
MEASURED = {"execution_time_seconds", "reset_seconds", "version"}
WIDTH = 110


def compare(page: str, ran: Iterable[Ran], *, url: str) -> None:
    """Assert that each snippet printed what the page shows after it."""
    for each in ran:
        shown = answer_of(page, each.block)
        if shown is None or os.environ.get("WRITE_ANSWERS"):
            continue
        assert _masked(each.output) == _masked(shown.text), f"{each.block} printed:\n{each.output}"
    if os.environ.get("WRITE_ANSWERS"):
        _write(page, list(ran), url)


def _write(page: str, ran: list[Ran], url: str) -> None:
    text = (ROOT / page).read_text()
    for each in reversed(ran):
        if shown := answer_of(page, each.block):
            parsed = _parsed(each.output) if shown.language == "json" else None
            laid_out = each.output.strip() if parsed is None else layout(parsed)
            text = text[: shown.start] + laid_out.replace(url, BASE) + "\n" + text[shown.end :]
    (ROOT / page).write_text(text)


def layout(value: Any, indent: str = "") -> str:
    """JSON for reading: what fits on a line stands on one, but never a whole answer."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (indent and len(indent + line) < WIDTH):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        rows = [f"{json.dumps(name)}: {layout(item, inner)}" for name, item in value.items()]
    else:
        rows = [layout(item, inner) for item in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n" + ",\n".join(inner + row for row in rows) + f"\n{indent}{last}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _masked(text: str) -> Any:
    value = _parsed(text)
    return _masked_text(text) if value is None else _masked_json(value)


def _masked_json(value: Any) -> Any:
    match value:
        case dict():
            return {name: "<measured>" if name in MEASURED else _masked_json(item) for name, item in value.items()}
        case list():
            return [_masked_json(item) for item in value]
        case str():
            return _masked_text(value)
        case _:
            return value


def _masked_text(text: str) -> str:
    for pattern, word in VARIABLE:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
