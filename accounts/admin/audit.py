"""The audit in the console, and what writes it when operators change something there."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts import audit
from accounts.admin.filters import EachValue
from accounts.admin.keyset import Keyset
from accounts.admin.read_only import ReadOnly
from accounts.models import AuditEntry

ACTION_COLOURS = {
    "created": "success", "changed": "info", "rotated": "info", "switched on": "success",
    "switched off": "warning", "revoked": "danger", "deleted": "danger",
}  # fmt: skip


class Audited(ModelAdmin):
    """A page whose changes are written down, in the transaction that makes them."""

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = audit.snapshot(type(obj).objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)
        audit.record(audit.operator(request), "changed" if change else "created", obj, before=before)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        audit.record(audit.operator(request), "deleted", obj, before=audit.snapshot(obj))
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            audit.record(audit.operator(request), "deleted", obj, before=audit.snapshot(obj))
        super().delete_queryset(request, queryset)


@admin.register(AuditEntry)
class AuditEntryAdmin(Keyset, ReadOnly):
    """Who changed what, from what to what."""

    keyset = ("-at", "-id")
    list_display = ("at", "actor_kind", "actor", "shown_action", "subject_kind", "subject", "summary")
    list_filter = (
        ("action", EachValue),
        ("subject_kind", EachValue),
        ("actor_kind", EachValue),
        ("at", admin.DateFieldListFilter),
    )
    search_fields = ("actor", "subject", "=subject_id", "=request_id")
    search_help_text = "Who did it, a key's prefix, a name, an id, or a request's id"
    fields = (
        "at",
        ("actor_kind", "actor"),
        "action",
        ("subject_kind", "subject"),
        "subject_id",
        "request_id",
        "details",
    )

    @display(description="action", label=ACTION_COLOURS)
    def shown_action(self, entry: AuditEntry) -> str:
        return entry.action

    @display(description="changes")
    def summary(self, entry: AuditEntry) -> str:
        if entry.action in ("created", "deleted"):
            return "–"
        return "; ".join(f"{name}: {_shown(old)} → {_shown(new)}" for name, (old, new) in entry.changes.items())[:200]

    @display(description="from what to what")
    def details(self, entry: AuditEntry) -> SafeString:
        rows = ((name, _shown(old), _shown(new)) for name, (old, new) in entry.changes.items())
        line = "<tr><th>{}</th><td>{}</td><td>→</td><td>{}</td></tr>"
        return format_html('<table class="changes">{}</table>', format_html_join("", line, rows))


def _shown(value: Any) -> str:
    if value in (None, "", []):
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
