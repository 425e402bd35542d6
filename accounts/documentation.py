"""What the OpenAPI document says of the self-service API beyond the types."""

import functools
from typing import Any

from drf_spectacular.utils import extend_schema

from accounts import schemas
from agentplatform.schema import error_codes, example

KEY: dict[str, Any] = {
    "id": "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4",
    "name": "production backend",
    "prefix": "ap_live_3kTq0aXz",
    "state": "active",
    "scopes": ["execute", "read"],
    "allowed_agent_types": [],
    "allowed_networks": ["203.0.113.0/24"],
    "limits": {"requests": 50, "tokens_per_minute": None, "concurrency": None, "daily_requests": None},
    "expires_at": "2027-01-31T00:00:00Z",
    "last_used_at": "2026-11-23T10:00:00.123456Z",
    "created_at": "2026-11-01T09:00:00.123456Z",
    "revoked_at": None,
    "rotated_at": None,
    "successor_id": None,
}
NEW = {**KEY, "last_used_at": None, "secret": f"ap_live_3kTq0aXz_{'x' * 43}_0aB1cD"}
ROTATED = {
    **NEW,
    "predecessor_id": "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e3",
    "predecessor_expires_at": "2026-11-24T10:00:00.123456Z",
}
LIMIT = {"name": "requests", "limit": 100, "remaining": 88, "window_seconds": 60, "reset_seconds": 4.2}
ACCOUNT = {
    "client_id": "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e2",
    "client": "Acme",
    "tier": "premium",
    "key": KEY,
    "limits": [LIMIT],
}
operation = functools.partial(extend_schema, tags=["account"])

account = operation(
    operation_id="get_account",
    responses=schemas.AccountObject,
    examples=[example("Your account", ACCOUNT, status=200)],
)
list_keys = operation(
    operation_id="list_keys", responses=schemas.KeyList, examples=[example("Your keys", {"keys": [KEY]}, status=200)]
)
create_key = operation(
    operation_id="create_key",
    request=schemas.KeyRequest,
    responses={201: schemas.NewKeyObject},
    extensions=error_codes("conflict"),
    examples=[
        example("As the key that makes it", {"name": "staging"}),
        example("Narrower", {"name": "reports", "scopes": ["read"], "allowed_networks": ["203.0.113.0/24"], "requests": 10}),
        example("Made", NEW, status=201),
    ],
)  # fmt: skip
revoke_key = operation(operation_id="revoke_key", responses={204: None})
rotate_key = operation(
    operation_id="rotate_key",
    request=schemas.RotateRequest,
    responses={201: schemas.RotatedKeyObject},
    extensions=error_codes("conflict"),
    examples=[
        example("At once", {"overlap_hours": 0}),
        example("A week", {"overlap_hours": 168}),
        example("Rotated", ROTATED, status=201),
    ],
)
webhook_secret = operation(
    operation_id="make_webhook_secret",
    request=None,
    responses={201: schemas.WebhookSecretObject},
    examples=[
        example(
            "Made",
            {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", "previous_expires_at": None},
            status=201,
        )
    ],
)
