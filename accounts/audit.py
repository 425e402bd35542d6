"""Who changed which key, tier, client, budget, price, agent or toolset, when, and from what to what.

Written in the transaction of the change itself.

The table is append-only: a trigger in PostgreSQL refuses to change or remove what stands in it.
"""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import models
from django.http import HttpRequest

from accounts.callers import Caller
from accounts.models import AuditEntry
from agentplatform.middleware import request_id_of
from agentplatform.sealed_field import SealedField

ActorKind = Literal["operator", "key", "command", "start"]
# Neither secrets nor what each use or save changes; a model may name more in LEFT_OUT_OF_AUDIT.
LEFT_OUT = {"digest", "last_used_at", "created_at", "updated_at", "password", "last_login"}
# What an id would not tell of.
NAMED = ("tier", "client", "agent", "candidate", "collection")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: an operator, a client's own key, somebody at the command line, or the platform as it starts."""

    kind: ActorKind
    name: str
    request_id: str = ""


START = Actor("start", "bootstrap")


def operator(request: HttpRequest) -> Actor:
    """An operator in the console."""
    return Actor("operator", request.user.get_username(), request_id_of(request))


def own_key(caller: Caller, request: HttpRequest) -> Actor:
    """A client, by one of its keys."""
    return Actor("key", f"{caller.client_name}: {caller.key_prefix}", request_id_of(request))


def command_line() -> Actor:
    """Whoever runs a command, by the name the system knows."""
    try:
        return Actor("command", getpass.getuser())
    except (KeyError, OSError):  # a user id without a name, as in containers
        return Actor("command", "unknown")


def snapshot(subject: models.Model | None) -> dict[str, Any]:
    """What an entry can show of a row; nothing for None."""
    if subject is None:
        return {}
    left_out = LEFT_OUT | getattr(subject, "LEFT_OUT_OF_AUDIT", set())
    fields = (field for field in _meta(subject).concrete_fields if field.name not in left_out)
    return {field.name: _shown(subject, field) for field in fields}


def record(actor: Actor, action: str, subject: models.Model, *, before: Mapping[str, Any] | None = None) -> None:
    """Write down what was done to a row, with every column that differs from `before`; nothing when none does."""
    after = {} if action == "deleted" else snapshot(subject)
    before = before or {}
    changes = {
        name: [before.get(name), after.get(name)] for name in {**before, **after} if before.get(name) != after.get(name)
    }
    if changes:
        note(actor, action, subject, changes)


def note(actor: Actor, action: str, subject: models.Model, changes: Mapping[str, Any] | None = None) -> None:
    """Write down what happened to a row, or by it, where no column tells."""
    AuditEntry.objects.create(
        actor_kind=actor.kind,
        actor=actor.name,
        action=action,
        subject_kind=str(_meta(subject).verbose_name),
        subject_id=str(subject.pk or (changes or {}).get("id", [""])[0]),
        subject=str(subject)[:200],
        changes=dict(changes or {}),
        request_id=actor.request_id,
    )


def _meta(subject: models.Model) -> Any:
    return subject._meta  # Django's documented name


def _shown(subject: models.Model, field: "models.Field[Any, Any]") -> Any:
    value = getattr(subject, field.attname)
    if isinstance(field, SealedField):
        return field.told(value)
    if isinstance(field, models.ForeignKey) and field.name in NAMED:
        return str(getattr(subject, field.name)) if value is not None else None
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
