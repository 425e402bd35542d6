"""The pages for people: welcome, Swagger UI, ReDoc, errors; and the OpenAPI document that two of them show.

Everything a page loads comes from this server: its Content-Security-Policy lets nothing else in.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any

import orjson
from django.http import HttpResponse
from django.template.loader import render_to_string
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from agentplatform import __version__
from agentplatform.error_reference import ENTRIES
from agentplatform.rendering import JSONRenderer, json_response
from agentplatform.views import ApiView

# Swagger UI and ReDoc set styles from scripts; ReDoc searches in a worker made from a blob.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
LINKS = {
    "docs": "/docs",
    "reference": "/redoc",
    "playground": "/playground",
    "schema": "/openapi.json",
    "errors": "/docs/errors",
    "keys": "/docs/keys",
    "console": "/admin/",
    "health": "/health",
    "metrics": "/metrics",
}

_generating = Lock()


class HTMLRenderer(BaseRenderer):
    """HTML, for content negotiation: a page writes itself."""

    media_type = "text/html"
    format = "html"


@extend_schema(exclude=True)
class SchemaView(ApiView):
    """The OpenAPI document."""

    async def get(self, request: Request) -> HttpResponse:
        return HttpResponse(await asyncio.to_thread(_document), content_type=JSONRenderer.media_type)


def _document() -> bytes:
    # One at a time: drf-spectacular keeps the view at hand in an object that all generators share.
    with _generating:
        return _generated()


@cache
def _generated() -> bytes:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # drf-spectacular's constructor has no types
    return orjson.dumps(generator.get_schema(public=True))  # type: ignore[no-untyped-call]  # nor has this method


@extend_schema(exclude=True)
class PageView(ApiView):
    """The base of the pages: one template each."""

    renderer_classes: Sequence[type[BaseRenderer]] = (HTMLRenderer,)
    template = ""

    async def get(self, request: Request) -> HttpResponse:
        page = render_to_string(self.template, self.context(request))
        return HttpResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    def context(self, request: Request) -> dict[str, Any]:
        """What the template needs to know."""
        return {"links": LINKS, "version": __version__}


class SwaggerView(PageView):
    """Swagger UI: read and try out."""

    template = "agentplatform/swagger.html"


class RedocView(PageView):
    """ReDoc: the reference."""

    template = "agentplatform/redoc.html"


class ErrorsView(PageView):
    """One section per error code, where the `type` of a problem points."""

    template = "agentplatform/errors.html"

    def context(self, request: Request) -> dict[str, Any]:
        examples = [(entry, orjson.dumps(entry.body, option=orjson.OPT_INDENT_2).decode()) for entry in ENTRIES]
        return super().context(request) | {"entries": examples}


class IndexView(PageView):
    """Where to go from here: a page for people, the same links as JSON for programs."""

    renderer_classes = (HTMLRenderer, JSONRenderer)
    template = "agentplatform/index.html"

    async def get(self, request: Request) -> HttpResponse:
        if isinstance(request.accepted_renderer, JSONRenderer):
            response = json_response({"name": "Agentplatform", "version": __version__, "links": LINKS})
        else:
            response = await super().get(request)
        response["Vary"] = "Accept"
        return response

    def context(self, request: Request) -> dict[str, Any]:
        return super().context(request) | {"base_url": request.build_absolute_uri("/").rstrip("/")}


index = IndexView.as_view()
