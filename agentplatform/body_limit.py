"""Refuses a body that is too large before it is read whole: Django itself would spool it to disk first."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from agentplatform import metrics
from agentplatform.errors import CONTENT_TYPE, RequestTooLarge, problem
from agentplatform.middleware import SECURITY_HEADERS, sane_request_id

Scope = dict[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


class BodyLimit:
    """An ASGI application that answers 413 for a declared or an actual size over the limit, in bytes."""

    def __init__(self, application: Application, limit_bytes: int) -> None:
        self.application = application
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _declared_bytes(scope) > self.limit_bytes:
            await self._refuse(scope, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # Told that the client went away, Django drops what it has spooled and answers nothing.
            return {"type": "http.disconnect"} if received > self.limit_bytes else message

        await self.application(scope, limited, send)
        if received > self.limit_bytes:
            await self._refuse(scope, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        error, request_id = RequestTooLarge(self.limit_bytes), sane_request_id(_header(scope, b"x-request-id"))
        metrics.refusals_total.labels(error.code).inc()
        body = orjson.dumps(problem(error, request_id))
        headers = {
            "content-type": CONTENT_TYPE,
            "content-length": str(len(body)),
            "connection": "close",
            "x-request-id": request_id,
            **{name.lower(): value for name, value in SECURITY_HEADERS.items()},
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": error.status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})


def _declared_bytes(scope: Scope) -> int:
    declared = _header(scope, b"content-length")
    return int(declared) if declared.isdigit() else 0


def _header(scope: Scope, name: bytes) -> str:
    value: bytes = dict(scope["headers"]).get(name, b"")
    return value.decode("latin1")
