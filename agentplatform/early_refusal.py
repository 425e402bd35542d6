"""A refusal before Django is asked: what is refused so early may come in floods, and costs next to nothing here."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from agentplatform import metrics
from agentplatform.errors import CONTENT_TYPE, PlatformError, problem
from agentplatform.middleware import SECURITY_HEADERS, sane_request_id

Scope = dict[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


async def refuse(error: PlatformError, scope: Scope, send: Send) -> None:
    """Answer with the error, as the API would; counted, but without a line in the access log."""
    request_id = sane_request_id(header(scope, b"x-request-id"))
    metrics.refusals_total.labels(error.code).inc()
    body = orjson.dumps(problem(error, request_id))
    headers = {
        "content-type": CONTENT_TYPE,
        "content-length": str(len(body)),
        "x-request-id": request_id,
        **{name.lower(): value for name, value in {**SECURITY_HEADERS, **error.headers}.items()},
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str:
    """A header of the request, by its name in lower case; empty when it is not there."""
    value: bytes = dict(scope["headers"]).get(name, b"")
    return value.decode("latin1")
