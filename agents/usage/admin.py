"""Usage in the console: the roll-ups, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.filters import ClientFilter, EachValue
from accounts.admin.finding import Finding, as_id
from accounts.admin.keyset import Keyset
from accounts.admin.read_only import ReadOnly
from accounts.models import ApiKey
from agents.presenting import money
from agents.usage.models import DailyUsage


@admin.register(DailyUsage)
class DailyUsageAdmin(Finding, Keyset, ReadOnly):
    """What each client used, by day, agent and key; at most half a minute behind the tasks."""

    list_display = (
        "day", "client", "agent_type", "key", "shown_requests", "cached", "failed", "input_tokens", "output_tokens", "cost",
    )  # fmt: skip
    list_filter = (ClientFilter, ("agent_type", EachValue), ("day", admin.DateFieldListFilter))
    keyset = ("-day", "-id")
    list_select_related = ("client",)
    ids = ("api_key_id",)
    search_help_text = "A client, or a key's id"

    def matching(self, queryset: QuerySet[DailyUsage], term: str) -> Q:
        """A key's id by way of its client, which an index begins with."""
        if (key_id := as_id(term)) is None:
            return super().matching(queryset, term)
        return Q(api_key_id=key_id, client_id__in=ApiKey.objects.filter(pk=key_id).values("client_id"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[DailyUsage]:
        key_name = ApiKey.objects.filter(pk=OuterRef("api_key_id")).values("name")
        return DailyUsage.objects.annotate(key_name=Subquery(key_name))

    @display(description="key")
    def key(self, usage: Any) -> str:
        return usage.key_name or "–"

    @display(description="tasks")
    def shown_requests(self, usage: DailyUsage) -> int:
        return usage.requests

    @display(description="cost in USD", ordering="cost_usd")
    def cost(self, usage: DailyUsage) -> str:
        return money(usage.cost_usd)
