"""Tiers and clients in the console: who there is, and how much each may."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import TabularInline
from unfold.decorators import action, display

from accounts import audit, webhook_secrets
from accounts.admin import csv_export
from accounts.admin.audit import Audited
from accounts.admin.previewed import Previewed
from accounts.models import LIMITS, ApiKey, Client, Tier
from accounts.money.admin import BudgetsInline
from accounts.preview import previews

STATE_COLOURS = {"active": "success", "expired": "warning", "inactive": "info", "revoked": "danger"}


@admin.register(Tier)
class TierAdmin(Previewed):
    """A tier's slug is fixed: metrics and API_KEYS name it."""

    preview_of = staticmethod(previews.of_tier)

    list_display = ("name", "slug", *LIMITS, "window_seconds", "clients_count")
    search_fields = ("name", "slug")
    fields = (
        "name",
        "slug",
        ("requests", "window_seconds"),
        "tokens_per_minute",
        "concurrency",
        "daily_requests",
        "guard_mode",
    )

    actions = ("export_csv",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Tier]) -> HttpResponse:
        columns = ("slug", "name", *LIMITS, "window_seconds", "guard_mode", "clients_count")
        return csv_export.download("tiers", columns, queryset)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tier]:
        return Tier.objects.annotate(clients_count=Count("clients"))

    @display(description="clients", ordering="clients_count")
    def clients_count(self, tier: Any) -> int:
        return int(tier.clients_count)


class KeysInline(TabularInline):
    """The client's keys, to look at; they are made and revoked on their own pages."""

    model = ApiKey
    fields = ("name", "prefix", "state", "expires_at", "last_used_at", "created_at")
    readonly_fields = fields
    show_change_link = True
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="state", label=STATE_COLOURS)
    def state(self, key: ApiKey) -> str:
        return key.state


@admin.register(Client)
class ClientAdmin(Audited):
    """A client is switched off rather than deleted: its tasks stay accounted for."""

    list_display = ("name", "tier", "is_active", "keys_count", "created_at")
    list_filter = ("tier", "is_active")
    list_select_related = ("tier",)
    list_per_page = 50
    search_fields = ("name", "keys__prefix")
    fields = ("name", "tier", "is_active", "masking", "conversation_retention_days")
    inlines = (BudgetsInline, KeysInline)
    actions_detail: ClassVar[list[str]] = ["new_webhook_secret"]
    actions = ("export_csv",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        return Client.objects.annotate(keys_count=Count("keys", distinct=True))

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse:
        columns = (
            "id",
            "name",
            "tier__slug",
            "is_active",
            "masking",
            "conversation_retention_days",
            "keys_count",
            "created_at",
        )
        return csv_export.download("clients", columns, queryset)

    @display(description="keys", ordering="keys_count")
    def keys_count(self, client: Any) -> int:
        return int(client.keys_count)

    @action(description="New webhook secret", url_path="webhook-secret", permissions=["change"])
    def new_webhook_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask first, then make it and show it once."""
        client = Client.objects.get(pk=object_id)
        made = None
        if request.method == "POST":
            made = webhook_secrets.rotate(client.pk, actor=audit.operator(request))
            self.log_change(request, client, "Webhook secret made.")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Webhook secret of {client.name}",
            "client": client,
            "made": made,
            "has_one": webhook_secrets.has_any(client.pk),
        }
        return TemplateResponse(request, "accounts/webhook_secret.html", context)
