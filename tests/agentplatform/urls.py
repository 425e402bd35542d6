"""Paths that misbehave on purpose, beside the product's own. For `@pytest.mark.urls`."""

from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.urls import path
from rest_framework.request import Request

from agentplatform import errors, urls
from agentplatform.rendering import json_response
from agentplatform.validation import Body, Query
from agentplatform.views import ApiView

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500

ERRORS: dict[str, Exception] = {
    "bad-request": BadRequest("secret-detail"),
    "bug": ZeroDivisionError("secret-detail"),
    "conflict": errors.Conflict("This approval was already answered."),
    "database-away": OperationalError("secret-detail"),
    "database-bug": DatabaseError("secret-detail"),
    "database-cut": InterfaceError("secret-detail"),
    "forbidden": PermissionDenied("secret-detail"),
    "missing": Http404("secret-detail"),
    "suspicious": SuspiciousOperation("secret-detail"),
    "task-failed": errors.TaskFailed("timed_out", "It took longer than 60 s.", {"task_id": "t"}),
}


class Raising(ApiView):
    async def get(self, request: Request, name: str) -> HttpResponse:
        raise ERRORS[name]


class Order(Body):
    dish: str
    guests: int = 1


class Page(Query):
    number: int = 1


class Echo(ApiView):
    async def post(self, request: Request) -> HttpResponse:
        return json_response(self.body(Order))

    async def get(self, request: Request) -> HttpResponse:
        return json_response(self.query(Page))


def console_bug(request: Any) -> HttpResponse:
    raise ERRORS["bug"]


urlpatterns = [
    *urls.urlpatterns,
    path("raises/<name>", Raising.as_view()),
    path("echo", Echo.as_view()),
    path("docs/raises", console_bug),
]
