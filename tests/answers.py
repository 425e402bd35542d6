"""What a scripted model answers with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """A function the model asks for; `arguments` is JSON text, or what a bad model took for it."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """What one call is answered with. `cut_after` closes the connection after that many pieces."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    chunks: tuple[str, ...] | None = None
    finish_reason: str | None = None
    cut_after: int | None = None


@dataclass(frozen=True)
class Refusal:
    """An answer with another status, or a body that is no completion."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Flood:
    """A body that begins with `first` and goes on with `piece` again and again, until the caller hangs up."""

    piece: bytes
    every_seconds: float = 0
    first: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Scripted = Answer | Refusal | Flood
Given = Scripted | str | Mapping[str, Any]
JUNK = Refusal(200, "<html>It works!</html>", content_type="text/html")
CUT = Answer(cut_after=0)


def text(content: str, *, chunks: Sequence[str] | None = None, finish_reason: str | None = None) -> Answer:
    """Text, streamed word by word or in the given chunks."""
    return Answer(content, chunks=None if chunks is None else tuple(chunks), finish_reason=finish_reason)


def tool_call(name: str, /, **arguments: Any) -> Answer:
    """One call of a tool."""
    return Answer(tool_calls=(ToolCall(name, json.dumps(arguments)),))


def tool_calls(*calls: Answer) -> Answer:
    """Several calls of tools in one answer."""
    return Answer(tool_calls=tuple(each for call in calls for each in call.tool_calls))


def cut(content: str, *, after: int) -> Answer:
    """Text whose connection breaks after so many words."""
    return Answer(content, cut_after=after)


def failure(status: int, *, code: str = "", retry_after: float | None = None) -> Refusal:
    """An error in OpenAI's form."""
    body = {"error": {"message": f"Scripted {status}.", "type": "scripted", "param": None, "code": code or None}}
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return Refusal(status, json.dumps(body), headers=headers)


def scripted(given: Given) -> Scripted:
    """A string is text, a mapping is JSON text."""
    if isinstance(given, str):
        return Answer(given)
    return given if isinstance(given, Scripted) else Answer(json.dumps(given))
