"""Before Django: an address that tried too many keys is answered here, so that its flood takes nothing from valid calls.

A key that this process has seen to exist passes, whatever the address. Of all others a few a second pass too, since a
good key may share the address with whoever guesses; evenly spaced, since each costs a lookup that the others wait for.
"""

import time

from django.conf import settings

from accounts import edge
from accounts.addresses import counted_address
from accounts.callers import was_seen
from accounts.keys import bearer
from agentplatform.early_refusal import Application, Receive, Scope, Send, header, refuse
from agentplatform.errors import RateLimited

KEY_PATHS = ("/agent/", "/account")
PASS_INTERVAL_SECONDS = 0.2


class GuessGate:
    """An ASGI application that answers 429 to addresses that guess keys."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._next_pass = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if edge.remembers_guessers() and scope["path"].startswith(KEY_PATHS) and (refusal := self._refusal(scope)):
            await refuse(refusal, scope, send)
        else:
            await self.application(scope, receive, send)

    def _refusal(self, scope: Scope) -> RateLimited | None:
        secret = bearer(header(scope, b"authorization"))
        wait = edge.wait_of_guesser(_address(scope))
        if not secret or wait <= 0 or was_seen(secret) or self._may_pass():
            return None
        return edge.refusal(wait, "failed_authentication", "wrong keys", settings.FAILED_AUTHENTICATION_LIMIT)

    def _may_pass(self) -> bool:
        now = time.monotonic()
        if now < self._next_pass:
            return False
        self._next_pass = now + PASS_INTERVAL_SECONDS
        return True


def _address(scope: Scope) -> str:
    forwarded = ",".join(value.decode("latin1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    peer = scope.get("client") or ("", 0)
    return counted_address(forwarded, peer[0] or "")
