"""Static files under ASGI."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]  # it has no types


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, sending each file whole: Django reads a file's iterator whole too before it sends it, with a warning."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = WhiteNoiseMiddleware.serve(static_file, request)
        whole = HttpResponse(b"".join(found), status=found.status_code, headers=dict(found.items()))
        found.close()
        return whole
