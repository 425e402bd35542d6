"""What a client does with its own keys, by a key with the scope `keys`. No key gives more than it has itself."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import services
from accounts.audit import Actor
from accounts.callers import Caller
from accounts.models import LIMITS, ApiKey, Client
from accounts.rights import Rights
from accounts.schemas import KeyRequest
from agentplatform.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound

MOST_KEYS = 100
INHERITED = ("scopes", "allowed_agent_types", "allowed_networks", "expires_at", *LIMITS)


def keys_of(caller: Caller) -> list[ApiKey]:
    """All keys of the caller's client, newest first."""
    return list(ApiKey.objects.select_related("successor").filter(client_id=caller.client_id))


def own_key(caller: Caller) -> ApiKey:
    """The key that calls, with its client and tier."""
    return ApiKey.objects.select_related("client__tier", "successor").get(pk=caller.key_id)


@transaction.atomic
def create(caller: Caller, request: KeyRequest, actor: Actor) -> ApiKey:
    """Make one more key of the caller's client; what the request leaves out is as with the key that makes it.

    The new key has its secret. Raises InvalidRequest, or Conflict when the client has too many keys.
    """
    Client.objects.select_for_update().get(pk=caller.client_id)  # one at a time, so that the count holds
    maker, now = own_key(caller), timezone.now()
    usable = Q(expires_at=None) | Q(expires_at__gt=now)
    if ApiKey.objects.filter(usable, client_id=caller.client_id, revoked_at=None).count() >= MOST_KEYS:
        raise Conflict(f"A client can have {MOST_KEYS} usable keys; revoke one that is no longer needed.")
    terms = {column: getattr(maker, column) for column in INHERITED}
    terms |= request.model_dump(exclude_unset=True, exclude={"name"})
    key = ApiKey(client=maker.client, name=request.name, **terms)
    if any(getattr(maker, column) is not None for column in LIMITS):
        key.family = maker.family  # or many narrow keys would make a wide one
    _check(key, within=maker)
    services.issue(key, actor=actor)
    return key


@transaction.atomic
def revoke(caller: Caller, key_id: UUID, actor: Actor) -> None:
    """Revoke a key of the caller's client, its own too; a revoked one stays so. Raises NotFound."""
    key = _key(caller, key_id)
    services.revoke(ApiKey.objects.filter(pk=key.pk), actor=actor)


@transaction.atomic
def rotate(caller: Caller, key_id: UUID, overlap: timedelta | None, actor: Actor) -> ApiKey:
    """Give a key of the caller's client a successor; the old one is at its `predecessor`.

    Raises NotFound, Conflict when the key cannot be rotated, or Forbidden when it may do more than the caller's own key:
    its new secret would be in the hands of one who may not do that.
    """
    key, maker = _key(caller, key_id), own_key(caller)
    if key.pk != maker.pk and (more := list(Rights.of(key).beyond(Rights.of(maker)))):
        detail = f"The key {key.prefix}… may do more than the one that asks ({more[0].field}); rotate it with itself."
        raise Forbidden(detail, members={"rule": "rights", "required": more[0].field, "allowed": []})
    try:
        return services.rotate(key, overlap=overlap, actor=actor)
    except ValidationError as error:
        raise Conflict(" ".join(error.messages)) from error


def _key(caller: Caller, key_id: UUID) -> ApiKey:
    key = ApiKey.objects.filter(client_id=caller.client_id, pk=key_id).first()
    if key is None:
        raise NotFound
    return key


def _check(key: ApiKey, *, within: ApiKey) -> None:
    try:
        key.clean_fields(exclude={"client", "prefix", "digest"})
        key.clean()
    except ValidationError as error:
        raise InvalidRequest(list(_rows(error))) from error
    if more := list(Rights.of(key).beyond(Rights.of(within))):
        raise InvalidRequest(more)


def _rows(error: ValidationError) -> Iterator[FieldError]:
    for field, faults in error.error_dict.items():
        for fault in faults:
            yield FieldError(field, str(fault.code or "invalid"), " ".join(fault.messages))
