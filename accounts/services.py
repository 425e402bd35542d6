"""What operators and clients do with keys. A change holds in every process within callers.KEPT_SECONDS, and is audited."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import audit, keys
from accounts.audit import Actor
from accounts.models import LIMITS, ApiKey

MOST_OVERLAP = timedelta(days=30)
# What a key's successor has in common with it.
COPIED = ("client_id", "name", "scopes", "allowed_agent_types", "allowed_networks", "expires_at", "family", *LIMITS)


@transaction.atomic
def issue(key: ApiKey, *, actor: Actor) -> str:
    """Give a new ApiKey its secret, save it, and return the secret, which can be read nowhere afterwards."""
    made = keys.make()
    key.secret, key.prefix, key.digest = made.secret, made.prefix, made.digest
    key.save(force_insert=True)
    audit.record(actor, "created", key)
    return made.secret


@transaction.atomic
def rotate(key: ApiKey, *, overlap: timedelta | None = None, actor: Actor) -> ApiKey:
    """Give a key a successor with the same rights, and its own end after the overlap, during which both work.

    The overlap defaults to KEY_ROTATION_OVERLAP_HOURS. The successor has its secret, to be shown once. Raises
    ValidationError for a key that was rotated already or is not active, and for an overlap out of range.
    """
    if overlap is None:
        overlap = timedelta(hours=settings.KEY_ROTATION_OVERLAP_HOURS)
    if not timedelta(0) <= overlap <= MOST_OVERLAP:
        raise ValidationError(f"An overlap of {overlap} is out of range; it takes 0 hours to {MOST_OVERLAP.days} days.")
    key = ApiKey.objects.select_for_update(of=("self",)).select_related("client__tier", "successor").get(pk=key.pk)
    if fault := rotation_fault(key):
        raise ValidationError(fault)
    before = audit.snapshot(key)
    successor = ApiKey(id=uuid7(), **{column: getattr(key, column) for column in COPIED})
    issue(successor, actor=actor)
    now = timezone.now()
    key.successor, key.rotated_at = successor, now
    key.expires_at = min(key.expires_at or now + overlap, now + overlap)
    key.save(update_fields=["successor", "rotated_at", "expires_at"])
    audit.record(actor, "rotated", key, before=before)
    return successor


def rotation_fault(key: ApiKey) -> str:
    """Why a key cannot be rotated; empty when it can."""
    if key.successor is not None:
        return f"This key was rotated already, at {key.rotated_at:%Y-%m-%dT%H:%M:%SZ}; rotate {key.successor.prefix}… instead."
    return "" if key.state == "active" else f"This key is {key.state}; only an active key can be rotated."


def revoke(chosen: QuerySet[ApiKey], *, actor: Actor) -> list[ApiKey]:
    """Revoke keys for good; give those that were not revoked before."""
    now = timezone.now()
    return _changed(chosen.filter(revoked_at=None), "revoked", actor, is_active=False, revoked_at=now)


def deactivate(chosen: QuerySet[ApiKey], *, actor: Actor) -> list[ApiKey]:
    """Switch keys off until they are reactivated; give those that were on."""
    return _changed(chosen.filter(revoked_at=None, is_active=True), "switched off", actor, is_active=False)


def reactivate(chosen: QuerySet[ApiKey], *, actor: Actor) -> list[ApiKey]:
    """Switch keys on again, but never revoked ones; give those that were off."""
    return _changed(chosen.filter(revoked_at=None, is_active=False), "switched on", actor, is_active=True)


@transaction.atomic
def _changed(chosen: QuerySet[ApiKey], action: str, actor: Actor, **columns: object) -> list[ApiKey]:
    affected = list(chosen.select_related("client").select_for_update(of=("self",)))
    for key in affected:
        before = audit.snapshot(key)
        for column, value in columns.items():
            setattr(key, column, value)
        key.save(update_fields=list(columns))
        audit.record(actor, action, key, before=before)
    return affected
