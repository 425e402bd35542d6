"""API keys in the console: made (and shown once), switched off and on, revoked. Digests are shown nowhere."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action, display

from accounts import audit, services
from accounts.admin import csv_export
from accounts.admin.api_key_form import ApiKeyForm, RotationForm
from accounts.admin.clients import STATE_COLOURS
from accounts.admin.filters import ClientFilter
from accounts.admin.previewed import Previewed
from accounts.models import LIMITS, ApiKey
from accounts.preview import previews

FACTS = ("prefix", "state", "created_at", "last_used_at", "rotated_at", "successor", "revoked_at")


STEPS = (
    ("Whose it is", ["client", "name"]),
    ("What it may do", ["scopes", "allowed_agent_types", "allowed_networks"]),
    ("How long, and how much", ["expires_at", *LIMITS]),
)
CSV_COLUMNS = (
    "prefix", "name", "client__name", "client__tier__slug", "state", "scopes", "allowed_agent_types", "allowed_networks", *LIMITS,
    "expires_at", "last_used_at", "created_at", "rotated_at", "revoked_at",
)  # fmt: skip


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in STATE_COLOURS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        is_over = Q(expires_at__lte=timezone.now())
        match self.value():
            case "revoked":
                return queryset.exclude(revoked_at=None)
            case "inactive":
                return queryset.filter(revoked_at=None, is_active=False)
            case "expired":
                return queryset.filter(is_over, revoked_at=None, is_active=True)
            case "active":
                return queryset.filter(revoked_at=None, is_active=True).exclude(is_over)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(Previewed):
    """A key is revoked rather than deleted: what it did stays on record."""

    preview_of = staticmethod(previews.of_key)

    form = ApiKeyForm
    list_display = ("prefix", "name", "client", "tier", "state", "expires_at", "last_used_at", "created_at")
    list_filter = (StateFilter, "client__tier", ClientFilter)
    list_select_related = ("client__tier",)
    list_per_page = 50
    search_fields = ("prefix", "name", "client__name")
    autocomplete_fields = ("client",)
    actions = ("revoke", "deactivate", "reactivate", "export_csv")
    change_form_outer_after_template = "accounts/key_danger.html"
    actions_detail: ClassVar[list[str]] = ["rotate"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new key in steps; one that is there on one page."""
        if obj:
            return [(None, {"fields": [*FACTS, *ApiKeyForm.Meta.fields]})]
        return [(title, {"fields": fields, "classes": ["step"]}) for title, fields in STEPS]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*FACTS, "client"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.revoked_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """One way to save: it leads to the page with the secret."""
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **only_save})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            services.issue(obj, actor=audit.operator(request))

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page that shows the secret."""
        return self._issued(request, obj)

    class Media:
        js = ("accounts/wizard.js",)

    @action(description="Rotate", url_path="rotate", permissions=["rotate"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long both keys shall work, then show the successor's secret."""
        key = ApiKey.objects.select_related("client", "successor").get(pk=object_id)
        form = RotationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                successor = services.rotate(key, overlap=form.overlap, actor=audit.operator(request))
            except ValidationError as error:
                form.add_error(None, error)
            else:
                self.log_change(request, key, "Key rotated.")
                return self._issued(request, successor)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Rotate {key}",
            "key": key,
            "form": form,
            "fault": services.rotation_fault(key),
        }
        return TemplateResponse(request, "accounts/rotate_key.html", context)

    def has_rotate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        may_change = request.user.has_perm("accounts.change_apikey") and request.user.has_perm("accounts.add_apikey")
        return bool(request.user.is_active and may_change)

    def _issued(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        """The one page that ever shows a secret: no redirect, so it passes through no session, cookie or database."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "key": obj,
            "base_url": request.build_absolute_uri("/").rstrip("/"),
            "keys_url": reverse("admin:accounts_apikey_changelist"),
        }
        return TemplateResponse(request, "accounts/issued_key.html", context)

    @display(description="tier", ordering="client__tier__slug")
    def tier(self, key: ApiKey) -> str:
        return key.client.tier.slug

    @display(description="state", label=STATE_COLOURS)
    def state(self, key: ApiKey) -> str:
        return key.state

    @admin.action(description="Revoke for good", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._report(request, services.revoke(queryset, actor=audit.operator(request)), "revoked")

    @admin.action(description="Switch off", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._report(request, services.deactivate(queryset, actor=audit.operator(request)), "switched off")

    @admin.action(description="Switch on again (not revoked ones)", permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._report(request, services.reactivate(queryset, actor=audit.operator(request)), "switched on")

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse:
        return csv_export.download("keys", CSV_COLUMNS, queryset.select_related("client__tier"))

    def _report(self, request: HttpRequest, affected: list[ApiKey], done: str) -> None:
        for key in affected:
            self.log_change(request, key, f"Key {done}.")
        level = messages.SUCCESS if affected else messages.WARNING
        self.message_user(request, f"{len(affected)} of the chosen keys {done}.", level)
