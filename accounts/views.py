"""Self-service: a client looks at its account, and makes, rotates and revokes its own keys."""

from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from accounts import audit, documentation, limits, self_service, webhook_secrets
from accounts.audit import Actor
from accounts.callers import KEYS_SCOPE
from accounts.permissions import KeyView
from accounts.schemas import (
    AccountObject,
    KeyList,
    KeyObject,
    KeyRequest,
    LimitObject,
    NewKeyObject,
    RotatedKeyObject,
    RotateRequest,
    WebhookSecretObject,
)
from agentplatform.database import in_database
from agentplatform.rendering import json_response

NOT_KEPT = {"Cache-Control": "no-store"}  # an answer with a secret


class AccountView(KeyView):
    """Who calls, and what is left."""

    scope = "read"

    @documentation.account
    async def get(self, request: Request) -> Any:
        """Your account: client, tier, the key that you use, and where you stand with each limit."""
        caller = self.request.caller
        key = await in_database(self_service.own_key, caller)
        left = await limits.standings(caller, "requests")
        return json_response(
            AccountObject(
                client_id=caller.client_id,
                client=caller.client_name,
                tier=caller.tier,
                key=KeyObject.of(key),
                limits=[LimitObject(**asdict(standing)) for standing in left],
            )
        )


class OwnKeysView(KeyView):
    """The base of views that manage the client's keys."""

    scope = KEYS_SCOPE

    @property
    def _actor(self) -> Actor:
        return audit.own_key(self.request.caller, self.request._request)


class AccountKeysView(OwnKeysView):
    """The client's keys."""

    with_body = frozenset({"POST"})

    @documentation.list_keys
    async def get(self, request: Request) -> Any:
        """All keys of your client, newest first; secrets are never shown again."""
        keys = await in_database(self_service.keys_of, self.request.caller)
        return json_response(KeyList(keys=[KeyObject.of(key) for key in keys]))

    @documentation.create_key
    async def post(self, request: Request) -> Any:
        """Make one more key of your client. It can do at most what the key can that makes it."""
        key = await in_database(self_service.create, self.request.caller, self.body(KeyRequest), self._actor)
        return json_response(NewKeyObject.of(key, secret=key.secret), status=201, headers=NOT_KEPT)


class AccountKeyView(OwnKeysView):
    """One key of the client."""

    @documentation.revoke_key
    async def delete(self, request: Request, key_id: UUID) -> Any:
        """Revoke a key of your client for good. It stops within 5 s; a revoked one stays revoked."""
        await in_database(self_service.revoke, self.request.caller, key_id, self._actor)
        return HttpResponse(status=204)


class RotateKeyView(OwnKeysView):
    """A key's successor."""

    with_body = frozenset({"POST"})

    @documentation.rotate_key
    async def post(self, request: Request, key_id: UUID) -> Any:
        """Give a key a successor with the same rights; both work until the overlap is over. Each key can be rotated once."""
        asked = self.body(RotateRequest) if self.request._request.body else RotateRequest()
        overlap = None if asked.overlap_hours is None else timedelta(hours=asked.overlap_hours)
        key = await in_database(self_service.rotate, self.request.caller, key_id, overlap, self._actor)
        answer = RotatedKeyObject.of(
            key,
            secret=key.secret,
            predecessor_id=key.predecessor.pk,
            predecessor_expires_at=key.predecessor.expires_at,
        )
        return json_response(answer, status=201, headers=NOT_KEPT)


class WebhookSecretView(OwnKeysView):
    """What signs the client's webhooks."""

    @documentation.webhook_secret
    async def post(self, request: Request) -> Any:
        """Make a new secret; it is shown this once. The one before signs beside it for 24 hours."""
        made = await in_database(partial(webhook_secrets.rotate, self.request.caller.client_id, actor=self._actor))
        answer = WebhookSecretObject(secret=made.secret, previous_expires_at=made.previous_expires_at)
        return json_response(answer, status=201, headers=NOT_KEPT)
