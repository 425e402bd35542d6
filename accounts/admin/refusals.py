"""Why was I refused? The console's answer, by request id."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin.filters import ClientFilter, EachValue
from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from accounts.admin.read_only import ReadOnly
from accounts.models import Refusal, Tier
from accounts.refusals import RECORDED


class CodeFilter(admin.SimpleListFilter):
    title = "code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in sorted(RECORDED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refusal]) -> QuerySet[Refusal]:
        return queryset.filter(code=self.value()) if self.value() else queryset


class TierFilter(admin.SimpleListFilter):
    title = "tier"
    parameter_name = "tier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(slug, slug) for slug in Tier.objects.values_list("slug", flat=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refusal]) -> QuerySet[Refusal]:
        return queryset.filter(tier=self.value()) if self.value() else queryset


@admin.register(Refusal)
class RefusalAdmin(Finding, Keyset, ReadOnly):
    keyset = ("-at", "-id")
    list_display = ("at", "request_id", "client", "api_key", "rule", "status", "path", "detail")
    list_filter = (
        CodeFilter,
        ("rule", EachValue),
        TierFilter,
        ClientFilter,
        ("at", admin.DateFieldListFilter),
    )
    list_select_related = ("client", "api_key")
    words = ("request_id", "api_key__prefix")
    search_help_text = "A request's id (the request_id of the answer, or its X-Request-ID), a client, a key's prefix"
    fieldsets = (
        (None, {"fields": ("detail", ("rule", "code"), "went_by")}),
        ("The call", {"fields": (("at", "request_id"), ("method", "path"), "address", ("client", "api_key"), "tier")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("client", "api_key")

    @display(description="what the rule went by")
    def went_by(self, refusal: Refusal) -> SafeString:
        rows = ((name.replace("_", " "), _shown(value)) for name, value in refusal.figures.items())
        return format_html(
            '<table class="changes">{}</table>', format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", rows)
        )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)
