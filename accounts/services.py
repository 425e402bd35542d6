"""What operators do with keys. A change holds in every process within callers.KEPT_SECONDS."""

from django.db.models import QuerySet
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey


def issue(key: ApiKey) -> str:
    """Give a new ApiKey its secret, save it, and return the secret, which can be read nowhere afterwards."""
    made = keys.make()
    key.secret, key.prefix, key.digest = made.secret, made.prefix, made.digest
    key.save()
    return made.secret


def revoke(chosen: QuerySet[ApiKey]) -> list[ApiKey]:
    """Revoke keys for good; give those that were not revoked before."""
    affected = list(chosen.filter(revoked_at=None))
    ApiKey.objects.filter(pk__in=[key.pk for key in affected]).update(is_active=False, revoked_at=timezone.now())
    return affected


def deactivate(chosen: QuerySet[ApiKey]) -> list[ApiKey]:
    """Switch keys off until they are reactivated; give those that were on."""
    return _switch(chosen, is_active=False)


def reactivate(chosen: QuerySet[ApiKey]) -> list[ApiKey]:
    """Switch keys on again, but never revoked ones; give those that were off."""
    return _switch(chosen, is_active=True)


def _switch(chosen: QuerySet[ApiKey], *, is_active: bool) -> list[ApiKey]:
    affected = list(chosen.filter(revoked_at=None, is_active=not is_active))
    ApiKey.objects.filter(pk__in=[key.pk for key in affected], revoked_at=None).update(is_active=is_active)
    return affected
