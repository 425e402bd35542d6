"""What can be offered of what a toolset lists."""

import json
from typing import Any

import pytest

from agents.toolsets.listing import listed

OBJECT: dict[str, Any] = {"type": "object"}
DEEP: dict[str, Any] = {"type": "object"}
for _ in range(60):
    DEEP = {"type": "object", "properties": {"a": DEEP}}


@pytest.mark.parametrize(
    ("description", "parameters", "fault"),
    [
        ("Fine, with 👩‍🔬 and\na line.", OBJECT, ""),
        ("x" * 8001, OBJECT, "longer than 8000 characters"),
        ("Add.\u202e", OBJECT, "U+202E"),
        ("Add.\x00", OBJECT, "U+0000"),
        ("Add.", {"type": "object", "description": "a\u200bb"}, "U+200B"),
        ("Add.", {}, "not one of an object"),
        ("Add.", {"type": ["object"]}, "not one of an object"),
        ("Add.", {"type": "object", "properties": {"a": {"type": "strin"}}}, "cannot be used: 'strin'"),
        ("Add.", {"type": "object", "properties": {"a": {"pattern": "(a+)+\\1"}}}, "is no pattern of the RE2 kind"),
        ("Add.", {"type": "object", "x": "y" * 40_000}, "larger than 32 KiB"),
        ("Add.", {"type": "object", "maximum": float("nan")}, "cannot be written as JSON"),
        ("Add.", DEEP, "nested deeper than 32 levels"),
    ],
    ids=map(str, range(12)),
)
def test_what_cannot_be_offered_says_why(description: str, parameters: dict[str, Any], fault: str) -> None:
    found = listed("add", description, parameters, "pure")
    assert fault in found.fault
    assert bool(found.fault) == bool(fault)
    assert json.dumps([found.description, dict(found.parameters)]).encode()
    assert len(found.description) <= 8000
