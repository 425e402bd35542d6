"""The request that a model's arguments make: to the API's own host and below its path, whatever the model writes."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from agents.http_apis.authentication import Additions
from agents.http_apis.document.operations import FORM
from agents.tools.tool import ToolError
from agents.toolsets import headers as allowed

IN_PATH = re.compile(r"\{([^{}/]+)\}")
DOTS = {".", ".."}
SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}
MAX_DECODINGS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


def made(base_url: str, details: Mapping[str, Any], arguments: Mapping[str, Any], added: Additions) -> Request:
    """The request of an operation. The platform's own headers and query win over a model's. Raises ToolError."""
    path: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {"Accept": "application/json, */*;q=0.5"}
    for how in details["parameters"]:
        if how["argument"] not in arguments:
            continue
        value = arguments[how["argument"]]
        if how["in"] == "path":
            path[how["name"]] = _in_path(how, value)
        elif how["in"] == "query":
            query += _in_query(how, value)
        else:
            headers[how["name"]] = _in_header(how, value)
    body = _body(details.get("body"), arguments, headers)
    query = [(name, value) for name, value in query if name not in added.query]
    query += added.query.items()
    own = {name.lower() for name in added.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in own} | dict(added.headers)
    place = IN_PATH.sub(lambda match: path[match[1]], details["path"])
    if DOTS & set(map(_decoded, place.split("/"))):
        raise ToolError("Together these arguments lead up in the path, where nothing of this API is.")
    url = base_url.rstrip("/") + place
    if query:
        url = f"{url}?{urlencode(query, quote_via=quote)}"
    return Request(details["method"], url, headers, body)


def _in_path(how: Mapping[str, Any], value: Any) -> str:
    """One segment or part of it, never more: what some servers would read as a way up is refused."""
    text = _joined(how, value)
    if not text or DOTS & set(re.split(r"[/\\]", _decoded(text))):
        raise ToolError(f"{how['argument']} is part of a path: it cannot be empty, nor have the parts . or .. in it.")
    return quote(text, safe="")


def _decoded(text: str) -> str:
    """As a server reads it that decodes more often than it should."""
    for _ in range(MAX_DECODINGS):
        text = unquote(text)
    return text


def _in_query(how: Mapping[str, Any], value: Any) -> Iterator[tuple[str, str]]:
    name, style, is_exploded = how["name"], how.get("style", "form"), how.get("explode", True)
    if how.get("is_json"):
        yield name, _json(value)
    elif isinstance(value, Mapping) and style == "deepObject":
        yield from ((f"{name}[{key}]", _text(item)) for key, item in value.items())
    elif isinstance(value, Mapping) and is_exploded:
        yield from ((str(key), _text(item)) for key, item in value.items())
    elif isinstance(value, list) and is_exploded and style == "form":
        yield from ((name, _text(item)) for item in value)
    else:
        yield name, _joined(how, value, SEPARATORS.get(style, ","))


def _in_header(how: Mapping[str, Any], value: Any) -> str:
    text = _joined(how, value)
    if fault := allowed.fault(how["name"], text):
        raise ToolError(f"{how['argument']} cannot be sent: {fault}")
    return text


def _body(how: Mapping[str, Any] | None, arguments: Mapping[str, Any], headers: dict[str, str]) -> bytes | None:
    if how is None or how["argument"] not in arguments:
        return None
    value = arguments[how["argument"]]
    headers["Content-Type"] = how["content_type"]
    if how["content_type"] != FORM:
        return _json(value).encode()
    if not isinstance(value, Mapping):
        raise ToolError(f"{how['argument']} is sent as a form: an object of names and values is needed.")
    pairs = [
        (str(name), _text(item))
        for name, given in value.items()
        for item in (given if isinstance(given, list) else [given])
    ]
    return urlencode(pairs).encode()


def _joined(how: Mapping[str, Any], value: Any, separator: str = ",") -> str:
    """A value as one text: as JSON where the document says so, else lists and objects in the simple style."""
    if how.get("is_json"):
        return _json(value)
    if isinstance(value, list):
        return separator.join(map(_text, value))
    if isinstance(value, Mapping):
        between = "=" if how.get("explode") else ","
        return separator.join(f"{key}{between}{_text(item)}" for key, item in value.items())
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
