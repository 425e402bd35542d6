"""The OpenAPI 3.1 document: what drf-spectacular reads from the views, and what all operations have in common.

A view names what is its own with @extend_schema; `example` and `error_codes` keep that short. Security, the errors that
every operation of its kind can answer, and the headers are added here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.contrib.pydantic import PydanticExtension
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiExample
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from agentplatform.error_reference import BY_CODE, ENTRIES, Problem
from agentplatform.errors import CONTENT_TYPE
from agentplatform.validation import Query

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
KEY_SCHEME = "bearer"
CODES = "x-error-codes"
EVERYWHERE = ("not_acceptable", "internal_error")
WITH_KEY = ("invalid_request", "missing_key", "invalid_key", "expired_key", "forbidden", "rate_limited", "unavailable")
WITH_BODY = ("invalid_request", "malformed_json", "request_too_large", "unsupported_media_type")

SECURITY_SCHEMES: Json = {
    KEY_SCHEME: {"type": "http", "scheme": "bearer", "description": "An API key, as an operator hands it out."},
    "metrics": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, where the operator has set one."},
}


def _header(description: str, kind: str, example: object, *, required: bool = False) -> Json:
    return {"description": description, "required": required, "schema": {"type": kind}, "example": example}


HEADERS: Json = {
    "X-Request-ID": _header(
        "Names this call in our logs: the caller's own, or ours.", "string", "req-7f3a", required=True
    ),
    "RateLimit-Policy": _header("The limits of this call (IETF draft).", "string", '"requests";q=10;w=60'),
    "RateLimit": _header("What is left of them (IETF draft).", "string", '"requests";r=9;t=60'),
    "X-RateLimit-Limit": _header("Calls allowed in a window.", "integer", 10),
    "X-RateLimit-Remaining": _header("Calls left now.", "integer", 9),
    "X-RateLimit-Reset": _header("When the next is given back, in Unix seconds.", "integer", 1795428060),
    "Retry-After": _header("Seconds to wait.", "integer", 5, required=True),
    "WWW-Authenticate": _header("How to authenticate.", "string", "Bearer", required=True),
}
# OpenAPI 3.1 has no words for a stream of events, so tools differ: some check the text, some each event.
EVENT_STREAM: Json = {"description": "Server-sent events: `id`, `event`, and `data`, which is JSON."}
LIMIT_HEADERS = [name for name in HEADERS if "RateLimit" in name]
HEADERS_BY_STATUS = {"401": ["WWW-Authenticate"], "429": ["Retry-After"], "503": ["Retry-After"]}


def example(name: str, value: object, *, status: int | None = None, media_type: str | None = None) -> OpenApiExample:
    """An example for @extend_schema: of the request, or with a status of that answer. `name` is a short title."""
    if status is None:
        return OpenApiExample(name, value=value, request_only=True, media_type=media_type)
    return OpenApiExample(name, value=value, response_only=True, status_codes=[status], media_type=media_type)


def error_codes(*codes: str) -> Json:
    """For @extend_schema(extensions=…): the errors that this operation can answer beside those of its kind.

    Raises KeyError for a code that the error reference does not know.
    """
    return {CODES: [BY_CODE[code].code for code in codes]}


class AutoSchema(openapi.AutoSchema):
    """Our conventions: named by the view (`get_status`, `cancel`), summed up by the docstring, secured where there is a scope."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Json | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation[CODES] = list(dict.fromkeys([*_usual_codes(operation), *operation.get(CODES, ())]))
            if operation.get("description", "").rstrip(".") == operation.get("summary"):
                del operation["description"]
        return operation

    def get_operation_id(self) -> str:
        words = re.findall("[A-Z][a-z0-9]*", type(self.view).__name__.removesuffix("View"))
        return "_".join(words if self.method == "POST" else [self.method, *words]).lower()

    def get_summary(self) -> str:
        return re.split(r"(?<=[.;:])\s", self.get_description(), maxsplit=1)[0].rstrip(".;:")

    def get_auth(self) -> list[Json]:
        return [{KEY_SCHEME: []}] if hasattr(self.view, "scope") else []

    def map_renderers(self, attribute: str) -> list[Any]:
        """JSON. A view that can stream says so itself: `(200, "text/event-stream")`."""
        return super().map_renderers(attribute)[:1]


class ModelExtension(PydanticExtension):  # type: ignore[no-untyped-call]  # drf-spectacular registers it untyped
    """Pydantic models: requests as they are validated, which the stock extension does not know, answers as they are sent."""

    priority = 1

    def map_serializer(self, auto_schema: openapi.AutoSchema, direction: Direction) -> Json:
        mode = "validation" if direction == "request" else "serialization"
        schema: Json = self.target.model_json_schema(ref_template=REF, mode=mode, schema_generator=Untitled)
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(name, ResolvedComponent.SCHEMA, part, name)  # type: ignore[no-untyped-call]  # untyped upstream
            auto_schema.registry.register_on_missing(component)
        if issubclass(self.target, Query):
            schema["properties"] = {name: _never_null(field) for name, field in schema["properties"].items()}
        return schema


class Untitled(GenerateJsonSchema):
    """Without titles that only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _never_null(field: Json) -> Json:
    """A query parameter is left out rather than null."""
    options = [option for option in field.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) != 1:
        return field
    return {**{name: value for name, value in field.items() if name not in ("anyOf", "default")}, **options[0]}


def _usual_codes(operation: Json) -> Iterable[str]:
    yield from EVERYWHERE
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if operation.get("security") == [{KEY_SCHEME: []}]:
        yield from WITH_KEY
    if "requestBody" in operation:
        yield from WITH_BODY
    if "query" in places:
        yield "invalid_request"
    if "path" in places:
        yield "not_found"


def describe_errors(result: Json, **_: Any) -> Json:
    """drf-spectacular's hook: gives every operation its error answers and headers, and the document what they refer to."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = SECURITY_SCHEMES
    components["headers"] = HEADERS
    components["examples"] = {entry.code: {"summary": entry.title, "value": entry.body} for entry in ENTRIES}
    components.setdefault("schemas", {}).update(_problem_schemas())
    for methods in result["paths"].values():
        for operation in methods.values():
            _describe(operation)
    return result


def _describe(operation: Json) -> None:
    codes_by_status: dict[int, list[str]] = defaultdict(list)
    for code in operation[CODES]:
        codes_by_status[BY_CODE[code].status].append(code)
    responses = operation["responses"]
    for status, codes in codes_by_status.items():
        response = responses.setdefault(str(status), {"content": {}, "description": ""})
        response["content"][CONTENT_TYPE] = _problem_content(status, codes)
        response["description"] = response["description"] or _sentence(codes)
    operation["responses"] = dict(sorted(responses.items()))
    takes_key = {KEY_SCHEME: []} in operation.get("security", ())
    for name, response in responses.items():
        if "text/event-stream" in (content := response.get("content", {})):
            content["text/event-stream"]["schema"] = EVENT_STREAM
        response["description"] = response["description"] or HTTPStatus(int(name)).phrase
        names = ["X-Request-ID", *HEADERS_BY_STATUS.get(name, ())]
        if takes_key and name != "401":
            names += LIMIT_HEADERS
        refs = {header: {"$ref": f"#/components/headers/{header}"} for header in names}
        response["headers"] = {**refs, **response.get("headers", {})}


def _sentence(codes: Sequence[str]) -> str:
    return " ".join(f"`{code}`: {BY_CODE[code].meaning}" for code in codes)


def _problem_content(status: int, codes: Sequence[str]) -> Json:
    narrower = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    return {
        "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrower]},
        "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
    }


@cache
def _problem_schemas() -> Json:
    schema = TypeAdapter(Problem).json_schema(mode="serialization", ref_template=REF, schema_generator=Untitled)
    return {**schema.pop("$defs"), "Problem": schema}
