"""Static files under ASGI, packed for whoever takes that."""

import gzip
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]  # it has no types

FEWEST_BYTES = 1024
PACKED = ("text/", "application/json", "application/javascript", "image/svg+xml")


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, sending each file whole: Django reads a file's iterator whole too before it sends it, with a warning.

    Texts are sent as gzip; a console page loads a megabyte less. Nothing in them is secret, so their length may tell of them.
    """

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = WhiteNoiseMiddleware.serve(static_file, request)
        content, headers = b"".join(found), dict(found.items())
        if _is_packable(request, found, content):
            content = _packed(content)
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(len(content))}
        whole = HttpResponse(content, status=found.status_code, headers=headers)
        if found.status_code == 200:
            whole["Vary"] = "Accept-Encoding"
        found.close()
        return whole


def _is_packable(request: HttpRequest, found: HttpResponse, content: bytes) -> bool:
    is_taken = "gzip" in request.headers.get("Accept-Encoding", "") and "Content-Encoding" not in found
    is_text = found.get("Content-Type", "").startswith(PACKED)
    return is_taken and is_text and found.status_code == 200 and len(content) >= FEWEST_BYTES


@lru_cache(maxsize=128)
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
