"""What a server's answer to a call says to a model, which reads text."""

import json
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic_core import to_json

BASE64 = 4 / 3


def told(result: CallToolResult) -> str:
    """The texts of an answer, a note for each thing that is no text; where there is neither, its structured content."""
    parts = [part for block in result.content if (part := _told(block))]
    structured = result.structured_content
    if structured is None:
        return "\n\n".join(parts)
    if not parts or (len(parts) == 1 and _is_json_of(parts[0], structured)):
        return to_json(structured).decode()
    return "\n\n".join(parts)


def _told(block: object) -> str:
    match block:
        case TextContent(text=text):
            return text
        case ImageContent(data=data, mime_type=kind):
            return _left_out("An image", kind, data)
        case AudioContent(data=data, mime_type=kind):
            return _left_out("A sound", kind, data)
        case EmbeddedResource(resource=TextResourceContents(text=text)):
            return text
        case EmbeddedResource(resource=BlobResourceContents(blob=data, mime_type=kind)):
            return _left_out("A file", kind or "of unknown type", data)
        case ResourceLink(uri=uri, name=name):
            return f"[A resource is named: {name}, {uri}]"
        case _:
            return "[Something that is no text is left out.]"


def _left_out(what: str, kind: str, data: str) -> str:
    return f"[{what} is left out, for only text can be read here: {kind[:64]}, {round(len(data) / BASE64 / 1024)} KiB]"


def _is_json_of(text: str, structured: Any) -> bool:
    """Whether a text only repeats the structured content, as servers are asked to: without line breaks it is shorter."""
    try:
        return bool(json.loads(text) == structured)
    except (ValueError, RecursionError):
        return False
