"""The request that a model's arguments make, whatever it writes."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from agents.http_apis.authentication import Additions, additions
from agents.http_apis.requests import Request, made
from agents.tools.tool import ToolError

BASE = "https://api.example.com/v1"


def parameter(name: str, kind: str, **how: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": kind,
        "argument": name,
        "style": "form" if kind == "query" else "simple",
        "explode": kind == "query",
        **how,
    }


def details(*parameters: dict[str, Any], path: str = "/a", method: str = "GET", body: Any = None) -> dict[str, Any]:
    plain = {"method": method, "path": path, "parameters": list(parameters)}
    return {**plain, "body": body} if body else plain


def make(how: dict[str, Any], added: Additions = Additions(), **arguments: Any) -> Request:  # noqa: B008  # frozen
    return made(BASE, how, arguments, added)


ID = details(parameter("id", "path"), path="/users/{id}/posts")
MODELS_TEXTS = st.text() | st.text(alphabet="./\\%25?#@:&=+;,2eEfF \x00\r\n\t", min_size=1, max_size=20)


@given(MODELS_TEXTS)
def test_a_path_parameter_stays_within_its_segment(value: str) -> None:
    try:
        request = make(ID, id=value)
    except ToolError:
        return
    sent = URL(request.url)  # as the client reads it
    assert (sent.scheme, sent.host, sent.port) == ("https", "api.example.com", 443)
    assert sent.raw_path.startswith("/v1/users/")
    assert sent.raw_path.endswith("/posts")
    assert sent.raw_path.count("/") == 4
    assert not sent.query_string
    assert not sent.fragment
    assert unquote(sent.raw_path.split("/")[3]) == value.encode(errors="replace").decode()


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "../admin", "a/../../b", "..\\b", "%2e%2e", "%2e%2e%2fadmin", "%252e%252e/x", "a/./b", "a/.."],
)
def test_a_way_up_is_refused(value: str) -> None:
    with pytest.raises(ToolError, match="id is part of a path"):
        make(ID, id=value)


def test_what_the_path_adds_does_not_make_a_way_up_either() -> None:
    how = details(parameter("a", "path"), parameter("b", "path"), path="/x/.{a}/{b}")
    assert make(how, a="git", b="x").url == f"{BASE}/x/.git/x"
    with pytest.raises(ToolError, match="Together these arguments lead up"):
        make(details(parameter("a", "path"), path="/x/%2e%2{a}/y"), a="e")


@given(MODELS_TEXTS)
def test_a_query_parameter_stays_one(value: str) -> None:
    request = make(details(parameter("q", "query")), q=value)
    sent = URL(request.url)
    assert sent.host == "api.example.com"
    assert sent.raw_path == "/v1/a"
    assert list(sent.query) == ["q"]


@given(MODELS_TEXTS)
def test_a_header_is_one_line_or_refused(value: str) -> None:
    how = details(parameter("X-Shop", "header"))
    try:
        request = made(BASE, how, {"X-Shop": value}, Additions())
    except ToolError as error:
        assert "\n" not in str(error)  # noqa: PT017  # most texts are refused, some are not
        return
    assert request.headers["X-Shop"] == value
    assert value.isprintable()


QUERIES: list[tuple[dict[str, Any], Any, str]] = [
    ({}, "a b", "q=a%20b"),
    ({}, 5, "q=5"),
    ({}, True, "q=true"),
    ({}, None, "q=null"),
    ({}, ["a", "b"], "q=a&q=b"),
    ({"explode": False}, ["a", "b"], "q=a%2Cb"),
    ({"style": "spaceDelimited", "explode": False}, ["a", "b"], "q=a%20b"),
    ({"style": "pipeDelimited", "explode": False}, ["a", "b"], "q=a%7Cb"),
    ({"style": "deepObject"}, {"a": 1, "b": "x"}, "q%5Ba%5D=1&q%5Bb%5D=x"),
    ({}, {"a": 1}, "a=1"),
    ({"explode": False}, {"a": 1}, "q=a%2C1"),
    ({"is_json": True}, {"a": [1]}, "q=%7B%22a%22%3A%5B1%5D%7D"),
]


@pytest.mark.parametrize(("how", "value", "query"), QUERIES, ids=map(str, range(len(QUERIES))))
def test_styles_of_the_query(how: dict[str, Any], value: Any, query: str) -> None:
    assert urlsplit(make(details(parameter("q", "query", **how)), q=value).url).query == query


def test_bodies() -> None:
    body = {"argument": "body", "content_type": "application/json"}
    request = make(details(method="POST", body=body), body={"a": "ü"})
    assert (request.body, request.headers["Content-Type"]) == ('{"a":"ü"}'.encode(), "application/json")
    form = {"argument": "body", "content_type": "application/x-www-form-urlencoded"}
    request = make(details(method="POST", body=form), body={"a": "1&2", "b": [1, 2]})
    assert request.body == b"a=1%262&b=1&b=2"
    with pytest.raises(ToolError, match="an object of names and values is needed"):
        make(details(method="POST", body=form), body="a=1")
    assert make(details(method="POST", body=body)).body is None


def test_credentials_win_over_what_a_model_writes() -> None:
    how = details(parameter("key", "query"), parameter("X-API-Key", "header"), parameter("more", "query"))
    in_query = additions("query", "key", {"secret": "s3cret"})
    request = make(how, in_query, key="mine", more={"key": "other", "a": 1}, **{"X-API-Key": "mine"})
    assert urlsplit(request.url).query == "a=1&key=s3cret"
    in_header = additions("header", "x-api-key", {"secret": "s3cret"})
    request = make(how, in_header, **{"X-API-Key": "mine"})
    assert {name.lower(): value for name, value in request.headers.items()}["x-api-key"] == "s3cret"
    assert len([name for name in request.headers if name.lower() == "x-api-key"]) == 1


@pytest.mark.parametrize(
    ("scheme", "credentials", "headers"),
    [
        ("bearer", {"secret": "t"}, {"Authorization": "Bearer t"}),
        ("basic", {"user": "Ada", "secret": "pw"}, {"Authorization": "Basic QWRhOnB3"}),
        ("header", {"secret": "t"}, {"X-Key": "t"}),
        ("none", {"secret": "t"}, {}),
        ("bearer", {}, {}),
    ],
)
def test_each_scheme_adds_its_own(scheme: str, credentials: dict[str, str], headers: dict[str, str]) -> None:
    assert additions(scheme, "X-Key", credentials).headers == headers


def test_json_is_compact() -> None:
    body = {"argument": "body", "content_type": "application/json"}
    request = make(details(method="POST", body=body), body={"a": [1, 2]})
    assert request.body == json.dumps({"a": [1, 2]}, separators=(",", ":")).encode()
