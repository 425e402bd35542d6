"""Every route of the API, read from the URL configuration: a new one is in every test of this folder by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.permissions import KeyView

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
ANYTHING = "0198f0c2-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Route:
    """One method of one path, such as GET /agent/status/{task_id}."""

    method: str
    path: str
    view: type[Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def of(self, object_id: object) -> str:
        """The path with this id in it."""
        return re.sub(r"{\w+}", str(object_id), self.path)

    @property
    def scope(self) -> str:
        scope: str = self.view.scopes.get(self.method, self.view.scope)
        return scope


def routes() -> list[Route]:
    """What needs a key, and what is open to all; neither the console nor what only Django's views answer."""
    return list(_routes(get_resolver().url_patterns, "/"))


def key_routes() -> list[Route]:
    """The routes that need a key."""
    return [route for route in routes() if issubclass(route.view, KeyView)]


def _routes(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + PARAMETER.sub(r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver) and pattern.namespace != "admin":
            yield from _routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and (view := getattr(pattern.callback, "cls", None)):
            for method in view.http_method_names:
                if hasattr(view, method):
                    yield Route(method.upper(), path, view)
