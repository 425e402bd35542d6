"""Money in the console: budgets and how far they are burnt, prices, and the ledger to look at."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.admin.audit import Audited
from accounts.admin.filters import ClientFilter, EachValue
from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from accounts.admin.previewed import Previewed
from accounts.admin.read_only import ReadOnly
from accounts.money import preview
from accounts.money.models import ZERO, Balance, Budget, LedgerEntry, Price, Pruning, plain
from accounts.money.periods import present_start

STATE_COLOURS = {"fine": "success", "nearly spent": "warning", "spent": "danger", "overspent": "danger", "off": "info"}
NEARLY = Decimal("0.8")


def with_standing(budgets: QuerySet[Budget]) -> QuerySet[Budget]:
    """Budgets with what is spent and reserved of their present period."""
    balance = Balance.objects.filter(budget=OuterRef("pk"), period_start=OuterRef("start"))
    return budgets.annotate(
        start=present_start(),
        spent=Subquery(balance.values("spent_usd")),
        reserved=Subquery(balance.values("reserved_usd")),
        used=F("spent") + F("reserved"),
    )


class Standing:
    """The columns that say where a budget stands."""

    @display(description="spent", ordering="spent")
    def shown_spent(self, budget: Any) -> SafeString:
        """What is spent, with a bar of the part of the limit that it is."""
        spent: Decimal = budget.spent or ZERO
        part = min(spent / budget.limit_usd, Decimal(1)) if budget.limit_usd else Decimal(1)
        return format_html(
            '${} <progress max="100" value="{}" aria-label="{} % spent"></progress>',
            plain(spent.quantize(Decimal("0.0001"))),
            round(part * 100),
            round(part * 100),
        )

    @display(description="reserved", ordering="reserved")
    def shown_reserved(self, budget: Any) -> str:
        return f"${plain(budget.reserved or ZERO)}"

    @display(description="state", label=STATE_COLOURS)
    def state(self, budget: Any) -> str:
        spent = budget.spent or ZERO
        if not budget.is_active:
            return "off"
        if spent > budget.limit_usd:
            return "overspent"
        if spent == budget.limit_usd:
            return "spent"
        return "nearly spent" if spent >= budget.limit_usd * NEARLY else "fine"


@admin.register(Budget)
class BudgetAdmin(Standing, Previewed):
    """A budget's owner and period are fixed: its balances were counted by them."""

    preview_of = staticmethod(preview.of_budget)
    previewed_fields = ("limit_usd", "is_hard", "is_active")
    preview_template = "accounts/budget_preview.html"

    list_display = (
        "client", "api_key", "period", "limit_usd", "shown_spent", "shown_reserved", "state", "is_hard",
    )  # fmt: skip
    list_filter = ("period", "is_hard", "is_active")
    list_per_page = 50
    list_select_related = ("client", "api_key")
    search_fields = ("client__name", "api_key__prefix")
    autocomplete_fields = ("client", "api_key")
    fields = ("client", "api_key", "period", "limit_usd", "is_hard", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        return with_standing(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["client", "api_key", "period"] if obj else []


class BudgetsInline(Standing, TabularInline):
    """The client's budgets, to look at; they are made and changed on their own pages."""

    model = Budget
    fields = ("api_key", "period", "limit_usd", "is_hard", "shown_spent", "shown_reserved", "state")
    readonly_fields = fields
    show_change_link = True
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        return with_standing(super().get_queryset(request)).select_related("api_key")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Price)
class PriceAdmin(Audited):
    """Prices that go before the list's. What has been charged does not change with them."""

    list_display = ("model", "input_usd", "output_usd", "valid_from")
    search_fields = ("model",)
    fields = ("model", "input_usd", "output_usd", "valid_from")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(Finding, Keyset, ReadOnly):
    keyset = ("-at", "-id")
    list_display = ("at", "client", "model", "kind", "amount", "reserved", "input_tokens", "output_tokens", "task_id")
    list_filter = ("kind", ("model", EachValue), ClientFilter)
    list_select_related = ("client",)
    ids = ("task_id",)
    search_help_text = "A task's id, or a client"

    @display(description="amount", ordering="amount_usd")
    def amount(self, entry: LedgerEntry) -> str:
        return f"${plain(entry.amount_usd)}"

    @display(description="reserved", ordering="reserved_usd")
    def reserved(self, entry: LedgerEntry) -> str:
        return f"${plain(entry.reserved_usd)}"


@admin.register(Pruning)
class PruningAdmin(ReadOnly):
    list_display = ("before", "entries", "amount_usd", "at")
