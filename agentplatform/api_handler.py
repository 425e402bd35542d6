"""Django's ASGI handler for the API: natively async throughout, without the threads that the stock one hops through.

The stock handler opens a thread of its own for each request, to send signals and close the response in; an empty view takes
935 µs in it and 210 µs in this one (an earlier trial, docs/decisions.md). Connections to the database are closed where they
are used, in the threads of agentplatform/database.py, so nothing here needs Django's signals.
"""

import asyncio
from contextlib import suppress
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix, set_urlconf
from django.utils.module_loading import import_string

from agentplatform.early_refusal import Receive, Scope, Send


class ApiHandler(ASGIHandler):
    """The API's middleware and views, for bodies that were bounded before (agentplatform/body_limit.py)."""

    def load_middleware(self, is_async: bool = True) -> None:
        """The API's own middleware, all of it natively async."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]  # not in the stubs
        for path in reversed(settings.API_MIDDLEWARE):
            middleware = import_string(path)(handler)
            if hasattr(middleware, "process_view"):
                self._view_middleware.insert(0, middleware.process_view)
            handler = convert_exception_to_response(middleware)
        self._middleware_chain = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]  # messages are dicts
        """Answer one request; who goes away before that has the work on the answer cancelled."""
        with suppress(RequestAborted):
            body = await _body(receive)
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            answering = asyncio.ensure_future(self._answer(request, refusal, send))
            leaving = asyncio.ensure_future(receive())
            try:
                await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not answering.done():
                    answering.cancel()
                with suppress(asyncio.CancelledError):
                    await answering

    async def _answer(self, request: HttpRequest | None, refusal: HttpResponseBase | None, send: Send) -> None:
        if request is not None:
            set_urlconf(settings.ROOT_URLCONF)
            response: Any = await self._middleware_chain(request)  # type: ignore[misc]  # async, as it was loaded
        else:
            response = refusal
        try:
            await self.send_response(response, send)  # type: ignore[arg-type]  # Django's own types for ASGI
        finally:
            # As its own close() does, without Django's signal.
            for close in response._resource_closers:  # noqa: SLF001  # as Django's handlers do
                close()


async def _body(receive: Receive) -> BytesIO:
    """The request's body. Raises RequestAborted when the client goes away first, or sends too much."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return BytesIO(b"".join(pieces))
