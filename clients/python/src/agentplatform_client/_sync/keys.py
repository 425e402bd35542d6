# Made by make_sync.py from _async/keys.py; change that file, then `make client`.
"""The client's own keys, for a key with the scope `keys`."""

from collections.abc import Sequence
from datetime import datetime

from agentplatform_client._requests import Request, json_value, segment
from agentplatform_client._sync.transport import Transport
from agentplatform_client.models import Key, KeyList, NewKey, RotatedKey, WebhookSecret


class Keys:
    """`client.keys`: make, list, rotate and revoke keys."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Key, ...]:
        """Give all keys of your client, newest first, without their secrets."""
        return (self._transport.call(Request("GET", "/account/keys", True), KeyList)).keys

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str] = (),
        allowed_agent_types: Sequence[str] = (),
        allowed_networks: Sequence[str] = (),
        expires_at: datetime | None = None,
        **limits: int,
    ) -> NewKey:
        """Make a key, which can do at most what yours can.

        `limits` are `requests`, `tokens_per_minute`, `concurrency` and `daily_requests`.
        """
        body = {
            "name": name,
            "scopes": list(scopes),
            "allowed_agent_types": list(allowed_agent_types),
            "allowed_networks": list(allowed_networks),
            "expires_at": expires_at,
            **limits,
        }
        said = json_value({name: value for name, value in body.items() if value not in (None, [])})
        return self._transport.call(Request("POST", "/account/keys", False, body=said), NewKey)

    def rotate(self, key_id: str, *, overlap_hours: int | None = None) -> RotatedKey:
        """Make a key's successor with the same rights; the old one works beside it for a while."""
        body = {} if overlap_hours is None else {"overlap_hours": overlap_hours}
        path = f"/account/keys/{segment(key_id)}/rotate"
        return self._transport.call(Request("POST", path, False, body=body), RotatedKey)

    def revoke(self, key_id: str) -> None:
        """Revoke a key for good; within 5 s it stops working."""
        self._transport.send(Request("DELETE", f"/account/keys/{segment(key_id)}", True))

    def create_webhook_secret(self) -> WebhookSecret:
        """Make the secret that webhooks are signed with; the one before signs beside it for a while."""
        return self._transport.call(Request("POST", "/account/webhook-secret", False), WebhookSecret)
