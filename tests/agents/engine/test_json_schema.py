"""Schemas that clients write: what is served, what is refused, and what none of them can do."""

import http.server
import threading
import time
from typing import Any

import pytest

from agents.engine.json_schema import MAX_SUBSCHEMAS, schema_fault, value_fault

LIST = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/list.json",
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}},
    "$ref": "#/$defs/node",
}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def multiplying(levels: int) -> dict[str, Any]:
    """Asks for 2^levels checks of one value."""
    definitions: dict[str, Any] = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$defs": {**definitions, f"d{levels}": {}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "value", "fault"),
    [
        ({"type": "integer", "minimum": 1}, 0, "$: 0 is less than the minimum of 1"),
        ({"type": "integer"}, 7, None),
        ({"pattern": r"^\d{4}-\d{2}$"}, "2026-11", None),
        ({"pattern": r"^\d{4}-\d{2}$"}, "soon", "does not match"),
        ({"pattern": "^a"}, 5, None),
        (LIST, {"n": 1, "next": {"n": 2}}, None),
        (LIST, {"next": {"n": "two"}}, "$.next.n: 'two' is not of type 'integer'"),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, {"a": {}}, "$.a: 'a' is a required property"),
        ({"$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "null"}}}, 1, "is not of type 'null'"),
    ],
)
def test_it_checks_values(schema: dict[str, Any], value: object, fault: str | None) -> None:
    assert schema_fault(schema) is None
    found = value_fault(value, schema)
    assert found == fault if fault is None else fault in (found or "")


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "text"}, "'text' is not valid"),
        ({"required": "a"}, "is not of type 'array'"),
        ({"$ref": "https://example.com/schema"}, "is not a place in this schema"),
        ({"$ref": "other.json#/a"}, "is not a place in this schema"),
        ({"$ref": "#/$defs/missing"}, "is not a place in this schema"),
        ({"$ref": "#/title/0", "title": "A"}, "is not a place in this schema"),
        ({"$ref": "#/required/x", "required": ["x"]}, "is not a place in this schema"),
        ({"properties": {"a": {"$dynamicRef": "urn:x"}}}, "is not a place in this schema"),
        ({"patternProperties": {"^a": {}}}, "patternProperties is not served"),
        ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, "can stand at the top alone"),
        ({"pattern": "(?=a)"}, "no pattern of the RE2 kind"),
        ({"pattern": "("}, "'(' is not a 'regex'"),
        ({"pattern": "a" * 201}, "longer than 200 characters"),
        ({"allOf": [{"pattern": f"^{n}"} for n in range(11)]}, "more than 10 patterns"),
        ({"properties": {f"p{n}": {} for n in range(MAX_SUBSCHEMAS)}}, "more than 500 parts"),
        (nested(20), "nested deeper than 32 levels"),
        (nested(300), "nested deeper than 32 levels"),
    ],
)
def test_it_refuses_what_is_no_schema_or_not_served(schema: dict[str, Any], fault: str) -> None:
    assert fault in (schema_fault(schema) or "")


def test_a_dialect_at_the_top_does_not_bring_back_other_rules() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"$ref": "#"}},
        "pattern": "^(a+)+$",
    }
    assert schema_fault(schema) is None
    started = time.process_time()
    assert "does not match" in (value_fault({"a": "a" * 40 + "!"}, schema) or "")
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("schema", "value"),
    [({"$ref": "#"}, 1), (multiplying(29), 1), (multiplying(20), [1])],
)
def test_no_schema_takes_more_than_a_bounded_time(schema: dict[str, Any], value: object) -> None:
    assert schema_fault(schema) is None
    started = time.process_time()
    assert value_fault(value, schema) == "Checking this value against the schema takes too much work."
    assert time.process_time() - started < 10


def test_no_schema_makes_a_request() -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        schema = {"$ref": f"http://127.0.0.1:{server.server_port}/schema"}
        assert schema_fault(schema)
        assert value_fault(1, schema) == "The schema cannot be applied to this value."
        server.shutdown()
    assert asked == []


def test_a_part_that_is_no_schema_can_be_referred_to() -> None:
    schema = {"$ref": "#/default", "default": {"minimum": "three"}}
    assert schema_fault(schema) is None
    assert value_fault(3, schema) == "The schema cannot be applied to this value."
