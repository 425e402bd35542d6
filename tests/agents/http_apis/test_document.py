"""Reading OpenAPI documents, and refusing what is none."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.engine.json_schema import schema_fault
from agents.http_apis.document import BadDocument, read
from agents.http_apis.document.yaml_values import value_of
from agents.toolsets.listing import MAX_SCHEMA_BYTES, Listed
from tests.agents.http_apis.shop import DOCUMENT


def document(paths: Any = None, **fields: Any) -> str:
    plain = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "paths": paths}
    return json.dumps({**plain, **fields})


def only(operation: Any, path: str = "/a", method: str = "get", **fields: Any) -> Listed:
    [found] = read(document({path: {method: operation}}, **fields)).operations
    return found


NONSENSE: list[tuple[str, str]] = [
    ("", "The document is empty."),
    ("   \n", "The document is empty."),
    ("hello", "The document is no OpenAPI document: it begins with openapi: 3.1.0"),
    ("42", "is no OpenAPI document"),
    ("[]", "is no OpenAPI document"),
    ("{", "line 1, column 2: The document is no JSON"),
    ('{"openapi": NaN}', "NaN, which JSON does not know"),
    ("a: [", "line 2, column 1: The document is neither JSON nor YAML"),
    ("a: 'b", "neither JSON nor YAML"),
    ("a: !!python/object/apply:os.system ['id']", "line 1: YAML's tag 'tag:yaml.org,2002:python/object"),
    ("\x00", "neither JSON nor YAML"),
    ("a: &a [1]\nb: *a", "line 2: YAML's aliases (*name) are not read"),
    ("{" * 100_000, "no JSON"),
    ('{"a":' * 100_000, "nested too deeply"),
    ("[" * 100_000, "nested too deeply"),
    ("a:\n" + "".join(f"{' ' * n}a:\n" for n in range(1, 400)), "nested too deeply"),
    ("? [a]\n: b", "line 1: a key that is no text cannot be read"),
    ("a: 1\n---\nb: 2", "line 2: a second document begins here"),
    ("x" * (5 * 1024 * 1024 + 1), "larger than 5 MiB"),
    ("{}", "openapi: 3.0 and 3.1 are read, such as 3.1.0; this says 'None'."),
    ('{"swagger": "2.0"}', "swagger: Swagger 2.0 is not read; have the document converted to OpenAPI 3."),
    ('{"openapi": "4.0.0"}', "this says '4.0.0'"),
    ('{"openapi": 3.1}', "this says '3.1'"),
    (document(), "paths: an object is needed here."),
    (document({}), "paths: there is no operation."),
    (document([]), "paths: an object is needed here."),
    (document({"/a": 5}), "paths./a: an object is needed here."),
    (document({"/a": {"get": "list"}}), "paths./a.get: an object is needed here."),
    (document({"/a": {"$ref": "#/paths/~1a"}}), "paths./a: its $ref leads in a circle."),
    (document({"/a": {"$ref": "#/nowhere"}}), "paths./a: $ref '#/nowhere' leads nowhere."),
    (document({"/a": {"get": {}}}, servers="https://a"), "servers: a list of servers is needed here."),
    (document({"/a": {"get": {}}}, servers=["https://a"]), "servers[0]: an object is needed here."),
    (document({f"/{number}": {"get": {}} for number in range(501)}), "there are 501 operations; at most 500"),
]


@pytest.mark.parametrize(("text", "told"), NONSENSE, ids=map(str, range(len(NONSENSE))))
def test_nonsense_is_told_in_a_sentence_with_its_place(text: str, told: str) -> None:
    with pytest.raises(BadDocument) as caught:
        read(text)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


P = {"name": "a", "in": "query", "schema": {"type": "string"}}
UNSERVED: list[tuple[str, dict[str, Any], str]] = [
    ("/a", {"parameters": {}}, "paths./a.get.parameters: a list of parameters is needed here."),
    ("/a", {"parameters": [5]}, "paths./a.get.parameters[0]: an object is needed here."),
    ("/a", {"parameters": [P, {"in": "query"}]}, "paths./a.get.parameters[1]: a parameter needs a name."),
    ("/a", {"parameters": [{**P, "in": "soul"}]}, "`in` takes path, query, header or cookie, not 'soul'"),
    ("/a", {"parameters": [{**P, "in": "cookie", "required": True}]}, "it needs a cookie"),
    ("/a", {"parameters": [{**P, "style": "matrix"}]}, "the style 'matrix' is not served for a query parameter"),
    ("/a", {"parameters": [{**P, "in": "header", "name": "Host"}]}, "'Host' is no name that can be sent"),
    ("/a", {"parameters": [{**P, "in": "header", "name": "a\r\nb"}]}, "is no name that can be sent"),
    ("/a", {"parameters": [{"$ref": "https://x/y#/z"}]}, "leads out of the document, which is not followed"),
    ("/a", {"parameters": [{**P, "name": str(number)} for number in range(61)]}, "at most 60 are served"),
    ("/a/{id}", {}, "the path has {id}, which no path parameter explains"),
    ("a", {}, "paths.a: a path begins with /"),
    ("/a?b=c", {}, "has no query"),
    ("/../a", {}, "dot segment"),
    ("/a", {"requestBody": []}, "paths./a.get.requestBody: an object is needed here."),
    (
        "/a",
        {"requestBody": {"required": True, "content": {"image/png": {}}}},
        "as JSON or as a form, and this takes image/png",
    ),
    ("/a", {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/x"}}}}}, "leads nowhere"),
]


@pytest.mark.parametrize(("path", "operation", "told"), UNSERVED, ids=map(str, range(len(UNSERVED))))
def test_an_operation_that_cannot_be_served_says_why(path: str, operation: dict[str, Any], told: str) -> None:
    paths = {path: {"get": operation}, "/fine": {"get": {"operationId": "fine"}}}
    found = {each.remote_name: each.fault for each in read(document(paths)).operations}
    assert found.pop("fine") == "", "the others are usable"
    [fault] = found.values()
    assert told in fault


def test_a_document_in_yaml_is_read() -> None:
    shop = read(DOCUMENT.replace("BASE", "https://{region}.shop.example/v1/"))
    assert (shop.title, shop.server, shop.asks_for) == (
        "The shop", "https://{region}.shop.example/v1/", "apiKey header X-API-Key",
    )  # fmt: skip
    found = {each.remote_name: each for each in shop.operations}
    assert {name: str(each.effect) for name, each in found.items()} == {
        "listOrders": "pure", "createOrder": "unsafe", "getOrder": "pure", "deleteOrder": "idempotent", "say": "pure",
    }  # fmt: skip
    assert found["listOrders"].parameters == {
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "maximum": 50},
            "tag": {"type": "array", "items": {"type": "string"}},
            "X-Shop": {"type": "string"},
        },
        "additionalProperties": False,
    }
    order = found["createOrder"].parameters["properties"]["body"]
    assert order == {
        "type": "object",
        "properties": {
            "item": {"type": "string", "description": "What is ordered."},
            "count": {"type": "integer", "minimum": 1},
            "parts": {"type": "array", "items": {}},
        },
        "required": ["item"],
    }, "what the API alone writes is left out, and what is within itself is cut"
    assert found["createOrder"].parameters["required"] == ["body"]
    assert found["getOrder"].parameters["required"] == ["id"]


def test_yaml_is_read_as_json_would_be() -> None:
    text = """
    openapi: "3.0.0"
    paths:
      /a: {get: {parameters: [{name: b, in: query, schema: {type: string, enum: [no, on, 2020-01-01, true, 5]}}]}}
    """
    [found] = read(text).operations
    assert found.parameters["properties"]["b"]["enum"] == ["no", "on", "2020-01-01", True, 5]


@pytest.mark.parametrize(
    ("server", "document_url", "base_url"),
    [
        ("https://api.example.com/v1/", "", "https://api.example.com/v1"),
        ("/v1", "https://example.com/docs/openapi.json", "https://example.com/v1"),
        ("/v1", "", ""),
        ("", "", ""),
        ("ftp://x", "", ""),
    ],
)
def test_the_base_url_is_the_first_server(server: str, document_url: str, base_url: str) -> None:
    assert read(document({"/a": {"get": {}}}, servers=[{"url": server}])).base_url(document_url) == base_url


def test_variables_of_a_server_have_defaults() -> None:
    server = {"url": "https://{region}.example.com", "variables": {"region": {"default": "eu"}}}
    assert read(document({"/a": {"get": {}}}, servers=[server])).base_url() == "https://eu.example.com"


def test_spellings_of_3_0_become_json_schema() -> None:
    schema = {"type": "integer", "nullable": True, "minimum": 1, "exclusiveMinimum": True, "example": 5, "enum": [5, 7]}
    found = only({"parameters": [{"name": "n", "in": "query", "schema": schema}]})
    assert found.parameters["properties"]["n"] == {
        "type": ["integer", "null"], "exclusiveMinimum": 1, "enum": [5, 7, None],
    }  # fmt: skip


def test_patterns_that_cannot_be_checked_are_left_out() -> None:
    schema = {"type": "string", "pattern": "^(?=a)b$"}
    found = only({"parameters": [{"name": "n", "in": "query", "schema": schema}]})
    assert found.parameters["properties"]["n"] == {"type": "string"}


def test_arguments_of_one_name_are_told_apart() -> None:
    parameters: list[Any] = [
        {"name": "id", "in": kind, "required": True, "schema": {}} for kind in ("path", "query", "header")
    ]
    body: Any = {"content": {"application/json": {"schema": {}}}}
    found = only({"parameters": [*parameters, {"name": "body", "in": "query"}], "requestBody": body}, "/a/{id}", "post")
    assert set(found.parameters["properties"]) == {"id", "id_query", "id_header", "body", "body_request"}


def test_an_operation_without_a_name_gets_one() -> None:
    paths = {"/a/b": {"get": {}, "post": {"operationId": "do"}, "put": {"operationId": "do"}}}
    assert [each.remote_name for each in read(document(paths)).operations] == ["get a/b", "do", "do 2"]


def test_a_large_body_is_told_with_fewer_levels() -> None:
    def nested(depth: int) -> dict[str, Any]:
        if not depth:
            return {"type": "string", "description": "x" * 100}
        return {"type": "object", "properties": {f"p{number}": nested(depth - 1) for number in range(6)}}

    body = {"required": True, "content": {"application/json": {"schema": nested(5)}}}
    found = only({"requestBody": body}, method="post")
    assert found.fault == ""
    assert len(json.dumps(found.parameters)) < MAX_SCHEMA_BYTES
    assert found.parameters["properties"]["body"]["properties"]["p0"]["properties"]


def test_references_that_multiply_do_not_multiply_the_work() -> None:
    schemas = {
        f"S{number}": {
            "type": "object",
            "properties": {part: {"$ref": f"#/components/schemas/S{number + 1}"} for part in "abcdefgh"},
        }
        for number in range(30)
    }
    schemas["S30"] = {"type": "string"}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    found = only({"requestBody": body}, method="post", components={"schemas": schemas})
    assert found.fault == ""
    assert len(json.dumps(found.parameters)) < MAX_SCHEMA_BYTES


def test_what_nobody_sees_does_not_reach_a_model() -> None:
    found = only({"operationId": "a\u200bb", "summary": "Add.\U000e0041\x00\u202e"})
    assert (found.remote_name, found.description, found.fault) == ("ab", "Add.", "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["#/components/schemas/A", "#/paths", "object", "array", "path", "query", "header", "form"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "$ref", "type", "properties", "items", "allOf", "required", "enum", "name", "in", "schema", "content", "get",
                "post", "parameters", "requestBody", "application/json", "style", "explode", "description", "/a/{id}", "/a",
                "minimum", "minLength", "pattern", "additionalProperties", "nullable", "readOnly", "summary",
            ]
        )
        | st.text(max_size=4),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


PATHS = st.dictionaries(
    st.sampled_from(["/a", "/a/{id}", "/b", "c"]),
    st.dictionaries(st.sampled_from(["get", "post", "parameters", "$ref"]), VALUES, max_size=3),
    max_size=3,
)


@given(PATHS, VALUES, VALUES)
def test_whatever_a_document_says_it_is_read_or_refused_in_a_sentence(paths: Any, schema: Any, servers: Any) -> None:
    text = json.dumps(
        {"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"A": schema}}, "servers": servers}
    )
    found: tuple[Listed, ...] = ()
    try:
        found = read(text.replace("NaN", "1").replace("Infinity", "2")).operations
    except BadDocument as error:
        refused = str(error)
    else:
        refused = ""
    assert len(refused) < 500
    for each in found:
        assert each.fault or schema_fault(each.parameters) is None
        assert each.fault or each.details["path"].startswith("/")


@given(st.text(alphabet="ab:-[]{}'\"#&*!|>?%@\n ,1.~", max_size=60))
def test_whatever_a_text_is_it_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(BadDocument):
        read(text)


@given(VALUES)
def test_json_means_the_same_read_as_yaml(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assume(text.isprintable() and "NaN" not in text and "Infinity" not in text)
    assert value_of(f"- {text}") == [json.loads(text)]
