"""The OpenAPI document, as clients and their generators read it."""

from collections.abc import Iterator
from typing import Any, ClassVar

import orjson
import pytest
from django.urls import path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from pydantic import BaseModel, computed_field

from agentplatform import docs, errors
from agentplatform.error_reference import BY_CODE, ENTRIES
from agentplatform.errors import PlatformError
from agentplatform.schema import error_codes, example
from agentplatform.validation import Body, Query
from agentplatform.views import ApiView

Json = dict[str, Any]
PROBLEM = "application/problem+json"
PUBLIC = {"get_health", "get_live", "get_ready", "get_metrics"}


@pytest.fixture(scope="module")
def document() -> Json:
    found: Json = orjson.loads(docs._document())
    return found


@pytest.fixture(scope="module")
def operations(document: Json) -> dict[str, Json]:
    return {
        operation["operationId"]: operation for methods in document["paths"].values() for operation in methods.values()
    }


def media(document: Json) -> Iterator[tuple[str, Json]]:
    """Every media type of every request and answer, with where it stands."""
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                for kind, content in body.get("content", {}).items():
                    yield f"{method} {address} {name} {kind}", content


def test_it_is_openapi_3_1(document: Json) -> None:
    assert document["openapi"] == "3.1.0"
    validate_schema(document)  # type: ignore[no-untyped-call]  # untyped upstream


def test_it_is_made_without_a_warning() -> None:
    docs._generated.__wrapped__()

    assert not GENERATOR_STATS


def test_no_path_ends_in_a_slash(document: Json) -> None:
    assert "/agent/feedback/{task_id}" in document["paths"]
    assert [path for path in document["paths"] if path.endswith("/")] == []


def test_the_operations_have_readable_names(document: Json, operations: dict[str, Json]) -> None:
    assert len(operations) == sum(map(len, document["paths"].values()))
    assert {"execute", "get_status", "cancel", "give_feedback", "get_feedback", *PUBLIC} <= set(operations)
    for name, operation in operations.items():
        assert name.replace("_", "").isalpha(), name
        assert operation["summary"], name


def test_every_operation_but_the_public_ones_needs_a_key(document: Json, operations: dict[str, Json]) -> None:
    for name, operation in operations.items():
        needs_key = operation.get("security") == [{"bearer": []}]
        assert needs_key == (name not in PUBLIC), name
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_operation_says_how_it_fails(operations: dict[str, Json]) -> None:
    for name, operation in operations.items():
        statuses = {status for status, answer in operation["responses"].items() if PROBLEM in answer.get("content", {})}
        expected = {"406", "500"}
        if name not in PUBLIC:
            expected |= {"401", "403", "429", "503"}
        if "requestBody" in operation:
            expected |= {"400", "413", "415"}
        if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
            expected |= {"404"}
        assert expected <= statuses, name


def test_every_request_and_answer_has_an_example(document: Json) -> None:
    assert [place for place, content in media(document) if not content.get("examples")] == []


def test_the_examples_are_what_their_schemas_say(document: Json) -> None:
    components = document["components"]
    for place, content in media(document):
        validator = Draft202012Validator({**content["schema"], "components": components})
        for shown in content.get("examples", {}).values():
            value = (
                components["examples"][shown["$ref"].rsplit("/")[-1]]["value"] if "$ref" in shown else shown["value"]
            )
            assert [error.message for error in validator.iter_errors(value)] == [], place


def test_a_stream_of_events_is_no_json(operations: dict[str, Json]) -> None:
    content = operations["get_events"]["responses"]["200"]["content"]

    assert list(content) == ["text/event-stream"]
    assert content["text/event-stream"]["schema"].keys() == {"description"}


def test_limits_are_told_in_headers(operations: dict[str, Json]) -> None:
    answers = operations["give_feedback"]["responses"]

    told = {"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    assert told | {"X-Request-ID", "Location"} == set(answers["201"]["headers"])
    assert told | {"X-Request-ID", "Retry-After"} == set(answers["429"]["headers"])
    assert set(answers["401"]["headers"]) == {"X-Request-ID", "WWW-Authenticate"}


def _all_subclasses(kind: type[PlatformError]) -> Iterator[type[PlatformError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _all_subclasses(child)


def test_the_reference_knows_every_error() -> None:
    kinds = {kind.code for kind in _all_subclasses(PlatformError)}

    assert kinds | set(errors.HTTP_CODES.values()) | {PlatformError.code} <= set(BY_CODE)
    assert len(BY_CODE) == len(ENTRIES)


def test_the_reference_has_every_row_of_the_contract() -> None:
    assert {(entry.status, entry.code) for entry in ENTRIES} == {
        (400, "invalid_request"), (400, "malformed_json"), (400, "prompt_injection_detected"),
        (401, "missing_key"), (401, "invalid_key"), (401, "expired_key"),
        (402, "budget_exceeded"), (403, "forbidden"), (404, "not_found"),
        (405, "method_not_allowed"), (406, "not_acceptable"), (409, "conflict"), (413, "request_too_large"),
        (415, "unsupported_media_type"), (422, "idempotency_key_reused"), (429, "rate_limited"), (500, "internal_error"),
        (502, "model_failed"), (502, "tool_failed"), (502, "max_steps"), (502, "output_invalid"),
        (502, "attempts_exhausted"), (503, "unavailable"), (504, "timed_out"),
    }  # fmt: skip


def test_an_unknown_error_code_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="teapot"):
        error_codes("conflict", "teapot")


class Order(Body):
    """What to bring."""

    cups: int = 1


class Bill(BaseModel):
    """What it costs."""

    cups: int = 1

    @computed_field
    def cost_usd(self) -> str:
        return f"{self.cups * 3}.00"


class Filter(Query):
    """Which bills."""

    since: str | None = None
    most: int = 10


class TeaView(ApiView):
    """Bring tea. It is served hot."""

    scope: ClassVar = "tea"

    @extend_schema(
        request=Order,
        responses={201: Bill},
        extensions=error_codes("conflict"),
        examples=[example("Two cups", {"cups": 2}), example("The bill", {"cups": 2, "cost_usd": "6.00"}, status=201)],
    )
    def post(self) -> None: ...

    @extend_schema(parameters=[Filter], responses=Bill)  # type: ignore[list-item]  # our schema reads pydantic queries
    def get(self) -> None:
        """Bills; the latest first."""


@pytest.fixture(scope="module")
def tea() -> Json:
    generator = SchemaGenerator(patterns=[path("tea", TeaView.as_view())])  # type: ignore[no-untyped-call]  # untyped upstream
    found: Json = generator.get_schema(public=True)  # type: ignore[no-untyped-call]  # untyped upstream
    return found


def test_requests_are_shown_as_they_are_checked_and_answers_as_they_are_sent(tea: Json) -> None:
    schemas = tea["components"]["schemas"]

    assert "required" not in schemas["Order"]
    assert schemas["Order"]["additionalProperties"] is False
    assert schemas["Bill"]["required"] == ["cost_usd"]


def test_fields_have_no_titles_that_repeat_their_names(tea: Json) -> None:
    assert tea["components"]["schemas"]["Order"]["properties"] == {"cups": {"default": 1, "type": "integer"}}


def test_a_query_parameter_is_left_out_rather_than_null(tea: Json) -> None:
    parameters = {parameter["name"]: parameter["schema"] for parameter in tea["paths"]["/tea"]["get"]["parameters"]}

    assert parameters == {"since": {"type": "string"}, "most": {"type": "integer", "default": 10}}


def test_an_operation_is_named_by_its_view_and_summed_up_by_its_docstring(tea: Json) -> None:
    post, get = tea["paths"]["/tea"]["post"], tea["paths"]["/tea"]["get"]

    assert (post["operationId"], post["summary"], post["description"]) == (
        "tea",
        "Bring tea",
        "Bring tea. It is served hot.",
    )
    assert (get["operationId"], get["summary"], get["description"]) == ("get_tea", "Bills", "Bills; the latest first.")


def test_an_operation_adds_errors_of_its_own(tea: Json) -> None:
    answers = tea["paths"]["/tea"]["post"]["responses"]

    assert answers["409"]["description"].startswith("`conflict`: ")
    assert answers["409"]["content"][PROBLEM]["examples"] == {"conflict": {"$ref": "#/components/examples/conflict"}}
    assert answers["400"]["content"][PROBLEM]["schema"]["allOf"][1]["properties"]["code"]["enum"] == [
        "invalid_request",
        "malformed_json",
    ]
    assert answers["201"]["description"] == "Created"


def test_examples_stand_where_they_belong(tea: Json) -> None:
    post = tea["paths"]["/tea"]["post"]

    assert list(post["requestBody"]["content"]["application/json"]["examples"]) == ["TwoCups"]
    assert list(post["responses"]["201"]["content"]["application/json"]["examples"]) == ["TheBill"]
