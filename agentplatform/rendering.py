"""JSON in and out of the API, by orjson: strict about what comes in, exact about what goes out."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse
from pydantic import BaseModel
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from agentplatform.encoding import encoded
from agentplatform.errors import MalformedJson


class JSONParser(BaseParser):
    """Strict JSON: UTF-8 alone, no NaN. Raises MalformedJson with the place of the fault."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise MalformedJson(f"The body is not valid JSON: {error}.") from error


class JSONRenderer(BaseRenderer):
    """Compact JSON; pydantic models as their schema says."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return encoded(data, default=_plain)


class EventStreamRenderer(JSONRenderer):
    """Server-sent events, for content negotiation: the view writes the stream itself."""

    media_type = "text/event-stream"
    format = "event-stream"


class CsvRenderer(JSONRenderer):
    """CSV, for content negotiation: the view writes it itself."""

    media_type = "text/csv"
    format = "csv"


def json_response(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An answer rendered at once. DRF's own Response is rendered by Django in a thread: a hop per request."""
    return HttpResponse(
        JSONRenderer().render(data), status=status, headers=dict(headers or {}), content_type=JSONRenderer.media_type
    )


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else str(value)
