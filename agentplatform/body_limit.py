"""Refuses a body that is too large before it is read whole: Django itself would spool it to disk first."""

from agentplatform.early_refusal import Application, Message, Receive, Scope, Send, header, refuse
from agentplatform.errors import RequestTooLarge


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
        error = RequestTooLarge(self.limit_bytes)
        error.headers["connection"] = "close"
        await refuse(error, scope, send)


def _declared_bytes(scope: Scope) -> int:
    declared = header(scope, b"content-length")
    return int(declared) if declared.isdigit() else 0
