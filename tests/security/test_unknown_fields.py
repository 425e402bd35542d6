"""What nobody reads, nobody may send (OWASP API3:2023): unknown fields and parameters are refused on every route with a key."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import httpx
import orjson
import pytest

from accounts.models import SCOPES
from agentplatform import docs
from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.security.routes import ANYTHING, key_routes

Newcomer = Callable[..., Persona]
ROUTES = key_routes()
# What a caller might like to say of the provider, in words of several libraries.
SMUGGLED = (
    "base_url",
    "api_key",
    "openai_api_key",
    "api_base",
    "endpoint",
    "headers",
    "organization",
    "proxy",
    "model",
)


@pytest.fixture
def dora(newcomer: Newcomer) -> Persona:
    return newcomer("dora", tier="unlimited", scopes=list(SCOPES))


def test_an_unknown_parameter_is_refused(dora: Persona, subtests: pytest.Subtests) -> None:
    for route in ROUTES:
        with subtests.test(str(route)):
            refused(dora.request(route.method, route.of(ANYTHING), params={"colour": "red"}))


def test_an_unknown_field_is_refused(dora: Persona, subtests: pytest.Subtests) -> None:
    for route in ROUTES:
        with subtests.test(str(route)):
            refused(dora.request(route.method, route.of(ANYTHING), json={"colour": "red"}))


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    assert {"field": "colour", "code": "unknown_field", "message": "There is no such field."} in answer.json()["errors"]


def test_an_empty_object_says_nothing_and_is_taken(dora: Persona) -> None:
    for route in (route for route in ROUTES if route.method not in route.view.with_body):
        answer = dora.request(route.method, route.of(ANYTHING), json={})
        assert answer.status_code in (200, 201, 404), answer.text


def objects(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The ways to every object inside a value, itself included."""
    if isinstance(value, dict):
        yield path
        for name, each in value.items():
            yield from objects(each, (*path, name))


def put(value: Any, path: tuple[str, ...], name: str, what: str) -> Any:
    if not path:
        return {**value, name: what}
    return {**value, path[0]: put(value[path[0]], path[1:], name, what)}


FULL: dict[str, Any] = {
    "task": "Say hello.",
    "limits": {"max_steps": 3},
    "context": {"provider": {"settings": {}}},
    "metadata": {"order": "A-17"},
    "output_schema": {"type": "object"},
}
# These are the caller's own: whatever stands there is text for the model, or given back, and never a setting.
OWN = ("context", "metadata", "output_schema")


def test_nobody_names_a_provider_or_its_key_at_any_depth(dora: Persona, model: ScriptedModel) -> None:
    model.when("Say hello", {"greeting": "Hello."})
    elsewhere = "http://203.0.113.9:9/v1"
    for name, path in product(SMUGGLED, objects(FULL)):
        before = model.calls
        answer = dora.post("/agent/execute", json={**put(FULL, path, name, elsewhere), "cache": "bypass"})
        if path[:1] and path[0] in OWN:
            # It ran, on the provider that the operator named and with the operator's key.
            asked = model.requests[before:]
            assert answer.status_code == 200, answer.text
            assert asked
            assert {request.headers["Authorization"] for request in asked} == {"Bearer sk-scripted-model"}
        else:
            assert (answer.status_code, model.calls) == (400, before), path
            assert answer.json()["errors"][0]["field"] == ".".join([*path, name])


def test_no_field_of_the_published_schema_takes_one() -> None:
    document = orjson.loads(docs._document())
    bodies = {
        content["schema"]["$ref"].rpartition("/")[2]
        for methods in document["paths"].values()
        for operation in methods.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }
    fields = {name for body in bodies for name in document["components"]["schemas"][body]["properties"]}
    assert fields.isdisjoint(SMUGGLED)
