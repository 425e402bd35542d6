"""Passages in the console, to look at: those of one document, or the one that a citation names."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import display

from accounts.admin.read_only import ReadOnly
from agents.knowledge.citations import mark
from agents.knowledge.models import Passage
from agents.knowledge.search import Found


class SuspectFilter(admin.SimpleListFilter):
    title = "guard"
    parameter_name = "suspect"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Reads like an attack")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Passage]) -> QuerySet[Passage]:
        return queryset.exclude(guard_rule="") if self.value() else queryset


@admin.register(Passage)
class PassageAdmin(ReadOnly):
    list_display = ("cited_as", "headings", "excerpt", "guard_rule", "id")
    list_filter = (SuspectFilter,)
    list_select_related = ("document",)
    search_fields = ("=id",)
    search_help_text = "A passage's id, as an agent was given it"
    fields = (
        "document",
        "cited_as",
        "headings",
        ("first_page", "last_page"),
        ("number", "start", "end"),
        "guard_rule",
        "written",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Passage]:
        passages: QuerySet[Passage] = super().get_queryset(request)
        return passages.defer("search")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Reached from documents alone."""
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == "document__id__exact" or super().lookup_allowed(lookup, value, request)

    @display(description="cited as")
    def cited_as(self, passage: Passage) -> str:
        return mark(Found.of(passage))

    @display(description="text")
    def excerpt(self, passage: Passage) -> str:
        return Truncator(passage.text).chars(100)

    @display(description="text")
    def written(self, passage: Passage) -> SafeString:
        return format_html('<div class="written">{}</div>', passage.text)
