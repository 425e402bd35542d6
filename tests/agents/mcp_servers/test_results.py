"""What an answer says to a model."""

from typing import Any

import pytest
from mcp_types import CallToolResult

from agents.mcp_servers.results import told


@pytest.mark.parametrize(
    ("content", "structured", "text"),
    [
        ([], None, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], None, "a\n\nb"),
        ([], {"a": [1]}, '{"a":[1]}'),
        ([{"type": "text", "text": '{\n  "a": 1\n}'}], {"a": 1}, '{"a":1}'),
        ([{"type": "text", "text": "Sunny."}], {"result": "Sunny."}, "Sunny."),
        (
            [{"type": "image", "data": "A" * 4096, "mimeType": "image/png"}],
            None,
            "[An image is left out, for only text can be read here: image/png, 3 KiB]",
        ),
        (
            [{"type": "audio", "data": "A" * 4096, "mimeType": "audio/wav"}],
            None,
            "[A sound is left out, for only text can be read here: audio/wav, 3 KiB]",
        ),
        ([{"type": "resource", "resource": {"uri": "file:///a", "text": "In it."}}], None, "In it."),
        (
            [{"type": "resource", "resource": {"uri": "file:///a", "blob": "AAAA"}}],
            None,
            "[A file is left out, for only text can be read here: of unknown type, 0 KiB]",
        ),
        (
            [{"type": "resource_link", "uri": "file:///a", "name": "a"}],
            None,
            "[A resource is named: a, file:///a]",
        ),
    ],
    ids=map(str, range(10)),
)
def test_it_is_text(content: list[Any], structured: Any, text: str) -> None:
    result = CallToolResult.model_validate({"content": content, "structuredContent": structured})
    assert told(result) == text
