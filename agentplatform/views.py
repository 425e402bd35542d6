"""DRF's view, natively async: negotiation, errors and schema are DRF's; no step hops to a thread."""

from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from pydantic import BaseModel
from rest_framework.exceptions import MethodNotAllowed, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.views import APIView

from agentplatform.validation import parsed

M = TypeVar("M", bound=BaseModel)
ANYTHING = "*/*"


class ApiView(APIView):
    """The base of the API's views. A subclass says who may come in by overriding `admit`."""

    view_is_async = True
    http_method_names = [  # noqa: RUF012  # as Django declares it
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
    ]

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]  # Django awaits it, view_is_async being true
        self.args, self.kwargs, self.format_kwarg = args, kwargs, None
        self.request = drf_request = self.initialize_request(request, *args, **kwargs)
        self.headers: dict[str, str] = {}
        try:
            negotiated = self.perform_content_negotiation(drf_request)
            drf_request.accepted_renderer, drf_request.accepted_media_type = negotiated
            handler = self._handler(request)
            await self.admit(drf_request)
            response: HttpResponseBase = await handler(drf_request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the API's last line: every exception becomes problem+json
            response = await self.refused(error)
        finalized: HttpResponseBase = self.finalize_response(drf_request, response, *args, **kwargs)  # type: ignore[arg-type]  # any HttpResponseBase will do
        return finalized

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """The first renderer at once for who takes anything, as nearly all programs do; else DRF's negotiation."""
        if not force and request.META.get("HTTP_ACCEPT", ANYTHING) == ANYTHING:
            renderer = self.renderer_classes[0]()
            return renderer, renderer.media_type
        negotiated: tuple[Any, str] = super().perform_content_negotiation(request, force)
        return negotiated

    def _handler(self, request: HttpRequest) -> Callable[..., Awaitable[HttpResponseBase]]:
        name = str(request.method).lower()
        handler: Callable[..., Awaitable[HttpResponseBase]] | None = getattr(self, name, None)
        if handler is None or name not in self.http_method_names:
            self.headers["Allow"] = ", ".join(self.allowed_methods)
            raise MethodNotAllowed(str(request.method))
        return handler

    async def admit(self, request: Request) -> None:
        """Raise a PlatformError when the caller may not come in. Open to all unless overridden."""

    async def refused(self, error: Exception) -> HttpResponseBase:
        """The answer to an exception."""
        response: HttpResponseBase = self.handle_exception(error)
        return response

    def body(self, model: type[M]) -> M:
        """The request's body as the model; raises InvalidRequest, MalformedJson, or DRF's 415."""
        parser = self.get_content_negotiator().select_parser(self.request, self.get_parsers())
        if parser is None:
            raise UnsupportedMediaType(str(self.request.content_type))
        # DRF's own request.data takes a body without Content-Length for an empty one.
        return parsed(model, parser.parse(BytesIO(self.request._request.body)))

    def query(self, model: type[M]) -> M:
        """The query string as the model; raises InvalidRequest, for a parameter given twice too."""
        return parsed(model, _single(self.request.query_params))


def _single(parameters: Mapping[str, Any]) -> dict[str, Any]:
    lists = parameters.lists() if hasattr(parameters, "lists") else parameters.items()
    return {name: values[0] if len(values) == 1 else values for name, values in lists}
