"""Middleware that runs on the event loop. Django's own is synchronous: under ASGI each costs a thread hop per request."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware
from uuid_utils import uuid7

from agentplatform import tracing
from agentplatform.errors import problem_response
from agentplatform.logs import log

# Probes call a container by its address, which no list of host names can know; these answers repeat nothing of the request.
PROBES = ("/health/live", "/health/ready")

Handler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # For what is no page: nothing in it is ever to be loaded, run or framed. Pages have policies of their own.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# No script but our own files, and none of them evaluates text. unfold sets styles in the page itself.
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
CONSOLE_PATH = "/admin"


class Middleware:
    """What the classes below share: natively async, one handler inside."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)  # type: ignore[type-var]  # an object that is called works as well


def sane_request_id(sent: str) -> str:
    """The caller's own request id where it is sane, else a new one."""
    return sent if SANE_REQUEST_ID.fullmatch(sent) else str(uuid7())


def request_id_of(request: HttpRequest) -> str:
    """The id that RequestContext gave the request."""
    return str(getattr(request, "request_id", ""))


class RequestContext(Middleware):
    """Gives each request an id, binds it to the log, checks the host, and writes one access line."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        request_id = sane_request_id(request.headers.get("X-Request-ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]  # Django's way to hand a value down the stack
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if request.path not in PROBES:
                request.get_host()
        except DisallowedHost as error:
            response: HttpResponseBase = problem_response(error, request)
        else:
            response = await self.get_response(request)
        response["X-Request-ID"] = request_id
        if tracing.is_on():
            tracing.describe_request(method=request.method or "", route=_route(request), request_id=request_id)
        log(__name__).info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            duration_ms=round((time.perf_counter() - began) * 1e3, 1),
        )
        return response


def _route(request: HttpRequest) -> str:
    """The route that was found for it, as it stands in the URLs; empty where there is none."""
    match = request.resolver_match
    return f"/{match.route.lstrip('^')}" if match else ""


class SecurityHeaders(Middleware):
    """Headers that every answer carries. The docs pages and the console load only what we serve."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.get_response(request)
        if request.path.startswith(CONSOLE_PATH):
            response.setdefault("Content-Security-Policy", CONSOLE_POLICY)
        for name, value in SECURITY_HEADERS.items():
            response.setdefault(name, value)
        if settings.IN_PRODUCTION:
            response.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response


class _Inline(Middleware):
    """A stock middleware whose hooks do no I/O, called on the event loop itself."""

    stock: type[Any]

    def __init__(self, get_response: Handler) -> None:
        super().__init__(get_response)
        self.hooks = self.stock(get_response)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        self.hooks.process_request(request)
        response = await self.get_response(request)
        processed: HttpResponseBase = self.hooks.process_response(request, response)
        return processed


class PrometheusBefore(_Inline):
    stock = PrometheusBeforeMiddleware


class PrometheusAfter(_Inline):
    stock = PrometheusAfterMiddleware

    async def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        self.hooks.process_view(request, view, args, kwargs)
