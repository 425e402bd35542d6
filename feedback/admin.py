"""Feedback in the operators' console: to read, search and compare; clients alone write it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Avg, Count, F, Func, QuerySet, TextField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.text import Truncator
from unfold.decorators import display

from accounts.admin.filters import ClientFilter
from accounts.admin.keyset import Keyset
from agents.models import Agent
from feedback.models import Feedback

OFFERED_TAGS = 50
AVERAGED = 2_000
"""Ratings that the averages are made of, at most."""
ABOUT = ("task", "agent", "client")
RATING_COLOURS = {1: "danger", 2: "warning", 3: "info", 4: "success", 5: "success"}


class RatingFilter(admin.SimpleListFilter):
    title = "rating"
    parameter_name = "rating"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(rating), str(rating)) for rating in RATING_COLOURS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> QuerySet[Feedback]:
        chosen = self.value() or ""
        return queryset.filter(rating=chosen) if chosen.isdigit() else queryset


class AgentFilter(admin.SimpleListFilter):
    title = "agent"
    parameter_name = "agent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(slug, slug) for slug in Agent.objects.values_list("slug", flat=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> QuerySet[Feedback]:
        return queryset.filter(task__agent_type=self.value()) if self.value() else queryset


class Tags(Func):
    """One row per tag of each row."""

    function = "jsonb_array_elements_text"
    set_returning = True
    output_field = TextField()


class TagFilter(admin.SimpleListFilter):
    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = Feedback.objects.filter(pk__in=Feedback.objects.order_by("-created_at").values("pk")[:AVERAGED])
        tags = newest.order_by().values(tag=Tags(F("tags"))).annotate(count=Count("*"))
        most_used = tags.order_by("-count", "tag")[:OFFERED_TAGS]
        return [(row["tag"], f"{row['tag']} ({row['count']})") for row in most_used]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> QuerySet[Feedback]:
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


@admin.register(Feedback)
class FeedbackAdmin(Keyset):
    """The averages above the list are those of the rows that the filters and the search leave."""

    list_display: ClassVar = ["created_at", "stars", "agent", "client", "said", "listed_tags"]
    list_filter: ClassVar = [RatingFilter, AgentFilter, "created_at", ClientFilter, TagFilter]
    keyset = ("-created_at", "-task_id")
    list_select_related: ClassVar = ["task", "client"]
    list_before_template = "feedback/averages.html"
    change_form_outer_after_template = "feedback/case.html"
    search_fields: ClassVar = ["comment", "correction"]
    search_help_text = "Words of the comment or the correction."
    fields: ClassVar = [*ABOUT, "rating", "comment", "listed_tags", "correction", "created_at", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        response: Any = super().changelist_view(request, extra_context)
        if "cl" in (context := getattr(response, "context_data", None) or {}):
            context["averages"] = averages(context["cl"].queryset)
        return response  # type: ignore[no-any-return]  # a redirect, or the page's TemplateResponse

    @display(description="rating", ordering="rating", label=RATING_COLOURS)
    def stars(self, feedback: Feedback) -> tuple[int, str]:
        return feedback.rating, "★" * feedback.rating

    @display(description="agent", ordering="task__agent_type")
    def agent(self, feedback: Feedback) -> str:
        return feedback.task.agent_type

    @display(description="comment")
    def said(self, feedback: Feedback) -> str:
        return Truncator(feedback.comment).chars(100)

    @display(description="tags")
    def listed_tags(self, feedback: Feedback) -> str:
        return ", ".join(feedback.tags)


def averages(rows: QuerySet[Feedback]) -> dict[str, Any]:
    """The average rating per agent over these rows, of many the newest, as a table: agent, average, number of ratings."""
    newest = Feedback.objects.filter(pk__in=rows.order_by("-created_at").values("pk")[:AVERAGED])
    by_agent = newest.order_by().values("task__agent_type").annotate(average=Avg("rating"), count=Count("pk"))
    found = by_agent.order_by("task__agent_type")
    return {
        "headers": ["Agent", "Average rating", f"Ratings, of the newest {AVERAGED:,}"],
        "rows": [[row["task__agent_type"], f"{row['average']:.2f}", row["count"]] for row in found],
    }
