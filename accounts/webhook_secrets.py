"""Secrets that sign webhooks: the platform makes them, the client keeps its copy to check signatures with.

They are encrypted rather than digested, since signing needs the secret itself. Form and overlap are those of Standard
Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import audit
from accounts.audit import Actor
from accounts.models import Client, WebhookSecret
from agentplatform import credentials

PREFIX = "whsec_"
SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret as it is shown, once. `previous_expires_at`: until then the one before signs too."""

    secret: str
    previous_expires_at: datetime | None


@transaction.atomic
def rotate(client_id: UUID, *, actor: Actor) -> NewSecret:
    """Give a client a new secret. Its present one signs beside it for 24 h more; older ones stop at once."""
    client = Client.objects.select_for_update().get(pk=client_id)
    WebhookSecret.objects.filter(client=client).exclude(expires_at=None).delete()
    present = WebhookSecret.objects.filter(client=client)
    present.update(expires_at=Now() + OVERLAP)
    until = present.values_list("expires_at", flat=True).first()
    secret = PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    made = WebhookSecret.objects.create(client=client, secret=credentials.seal({"secret": secret}))
    audit.record(actor, "rotated" if until else "created", made)
    return NewSecret(secret, until)


def has_any(client_id: UUID) -> bool:
    """Whether anything signs the client's webhooks."""
    return WebhookSecret.objects.filter(client_id=client_id).exists()


def usable(client_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The secrets that sign now, by client, the newest first."""
    rows = WebhookSecret.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), client_id__in=client_ids)
    found: dict[UUID, list[str]] = {}
    for row in rows.order_by("-created_at"):
        found.setdefault(row.client_id, []).append(credentials.opened(row.secret)["secret"])
    return found
