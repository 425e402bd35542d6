"""Who appears in tests: Alice, Bob with another key of her client, Charlie of another client, and an operator."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from accounts import keys
from accounts.models import ApiKey, Client, Tier

TIER = "premium"
OPERATOR = "operator"
OPERATOR_PASSWORD = "an operator's long password"


@dataclass(frozen=True)
class Identity:
    """A key as its owner knows it."""

    secret: str
    key_id: UUID


def new_key(client: Client, name: str, **fields: Any) -> Identity:
    """Give the client one more key; `fields` are the model's."""
    made = keys.make()
    key = ApiKey.objects.create(client=client, name=name, prefix=made.prefix, digest=made.digest, **fields)
    return Identity(made.secret, key.pk)


def new_client(name: str, *, tier: str = TIER, **fields: Any) -> Identity:
    """A client of its own with one key; `fields` are the key's."""
    return new_key(Client.objects.create(name=name, tier=Tier.objects.get(slug=tier)), name, **fields)


def invite() -> dict[str, Identity]:
    """Make the personas and the operator; tiers must be there."""
    wonderland = Client.objects.create(name="Wonderland", tier=Tier.objects.get(slug=TIER))
    User.objects.create_superuser(OPERATOR, password=OPERATOR_PASSWORD)
    return {"alice": new_key(wonderland, "alice"), "bob": new_key(wonderland, "bob"), "charlie": new_client("charlie")}
