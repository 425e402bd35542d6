"""Tasks and processes in the operators' console."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from agents.models import Event, Process, Task
from agents.presenting import money

STATUS_COLOURS = {
    "queued": "info", "running": "info", "awaiting_approval": "warning",
    "completed": "success", "failed": "danger", "cancelled": "warning",
}  # fmt: skip


class ReadOnly(ModelAdmin):
    """What operators look at and the platform alone writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GuardFilter(admin.SimpleListFilter):
    title = "guard"
    parameter_name = "guard"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("noted", "It noted something")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return queryset.exclude(guard_rule="") if self.value() == "noted" else queryset


@admin.register(Task)
class TaskAdmin(ReadOnly):
    list_display = ("id", "agent_type", "client", "shown_status", "exit_reason", "cost", "ran", "created_at")
    list_filter = ("status", "agent_type", "mode", "exit_reason", GuardFilter)
    list_select_related = ("client",)
    search_fields = ("=id", "=request_id", "=conversation_id")
    search_help_text = "A task's, request's or conversation's id"
    show_full_result_count = False
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("client", "api_key"),
                    ("agent_type", "agent_version"),
                    ("model", "mode"),
                    ("outcome", "attempts"),
                    ("created_at", "completed_at"),
                    ("calls", "tokens"),
                    ("cost", "ran"),
                    ("is_cached", "request_id"),
                    "guard_rule",
                )
            },
        ),
        ("Answer", {"fields": ("answer", "metadata")}),
        ("Journal", {"fields": ("story",)}),
    )

    @display(description="Status", label=STATUS_COLOURS)
    def shown_status(self, task: Task) -> str:
        return task.status

    @display(description="Seconds")
    def ran(self, task: Task) -> str:
        return f"{task.ran_seconds:.2f}"

    @display(description="Cost")
    def cost(self, task: Task) -> str:
        return f"${money(task.cost_usd)}"

    @display(description="Outcome")
    def outcome(self, task: Task) -> str:
        return f"{task.status}: {task.exit_reason}" if task.exit_reason not in ("", task.status) else task.status

    @display(description="Calls")
    def calls(self, task: Task) -> str:
        return f"{task.model_calls} of models, {task.tool_calls} of tools"

    @display(description="Tokens")
    def tokens(self, task: Task) -> str:
        return f"{task.input_tokens} in, {task.output_tokens} out"

    @display(description="Result")
    def answer(self, task: Task) -> SafeString:
        """What the client got, escaped."""
        shown = task.error["message"] if task.error else task.result
        text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
        return format_html('<div class="written">{}</div>', "–" if shown is None else text)

    @display(description="Line by line")
    def story(self, task: Task) -> SafeString:
        """The journal; whatever a client or a model wrote is escaped."""
        if task.journal_pruned_at:
            return format_html("It was kept for its time and dropped on {}.", f"{task.journal_pruned_at:%Y-%m-%d}")
        rows = Event.objects.filter(task_id=task.pk).order_by("seq").values_list("seq", "at", "type", "data")
        told = (
            (seq, f"{at:%H:%M:%S.%f}"[:-3], kind, json.dumps(data, indent=2, ensure_ascii=False))
            for seq, at, kind, data in rows
        )
        line = '<details><summary>{} · {} · {}</summary><div class="written">{}</div></details>'
        return format_html('<div class="journal">{}</div>', format_html_join("", line, told))


@admin.register(Process)
class ProcessAdmin(ReadOnly):
    list_display = ("name", "kind", "seen_at", "running_tasks")
