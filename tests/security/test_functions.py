"""A key does what its scopes say, and nothing besides (OWASP API5:2023): every route, every scope, by the URL configuration."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.models import SCOPES
from accounts.permissions import KeyView
from agentplatform.views import ApiView
from tests.api import Api, Persona
from tests.security.routes import ANYTHING, key_routes, routes

Newcomer = Callable[..., Persona]

# What is open to all, by name: everything else needs a key.
OPEN = {
    "/",
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/playground",
    "/redoc",
    "/docs/errors",
    "/docs/keys",
}


def test_all_but_what_is_named_here_needs_a_key() -> None:
    assert {route.path for route in routes() if not issubclass(route.view, KeyView)} == OPEN


def test_without_a_key_nothing_answers(api: Api) -> None:
    answers = {str(route): api.request(route.method, route.of(ANYTHING)).status_code for route in key_routes()}
    assert set(answers.values()) == {401}, answers


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_with_one_scope_does_that_alone(newcomer: Newcomer, scope: str) -> None:
    dora = newcomer(tier="unlimited", scopes=[scope])
    for route in key_routes():
        answer = dora.request(route.method, route.of(ANYTHING))
        if route.scope == scope:
            assert answer.status_code not in (401, 403), f"{route}: {answer.text}"
        else:
            assert (answer.status_code, answer.json()["required"]) == (403, route.scope), str(route)


def test_a_key_that_only_reads_changes_nothing() -> None:
    changing = [str(route) for route in key_routes() if route.method not in ("GET", "HEAD") and route.scope == "read"]
    assert changing == []


def test_other_methods_are_refused_on_every_route(api: Api) -> None:
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"}
    known: dict[str, set[str]] = {}
    for route in routes():
        known.setdefault(route.of(ANYTHING), set()).add(route.method)
    answers = {
        f"{method} {path}": api.request(method, path).status_code
        for path, allowed in known.items()
        for method in sorted(methods - allowed)
    }
    assert {name: status for name, status in answers.items() if status not in (405, 404)} == {}


@pytest.mark.parametrize("scope", [None, "", "everything"])
def test_a_view_that_names_no_scope_stops_the_start(scope: str | None) -> None:
    class Forgotten(KeyView):
        pass

    if scope is not None:
        Forgotten.scope = scope
    with pytest.raises(ImproperlyConfigured, match=r"^Forgotten says in `scope` which of these it needs: execute, "):
        Forgotten.as_view()


def test_a_view_of_the_api_is_one_of_ours() -> None:
    assert all(issubclass(route.view, ApiView) for route in routes())
