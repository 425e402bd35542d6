"""Tasks and processes in the operators' console."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts import audit
from accounts.admin.filters import ClientFilter, EachValue
from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from agents import timeline
from agents.admin import replaying, watching
from agents.engine import events as e
from agents.models import Event, Process, Task
from agents.presenting import money, said

MOST_SPANS = 200
SEARCHED_TEXTS = 10_000
"""What was asked is in no index, which each task would pay for; so many are read, which takes some tenths of a second."""
QUOTES = "\"'“”„"
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


class ReasonFilter(EachValue):
    """Why tasks ended that were not completed."""

    title = "exit reason"
    where = "exit_reason NOT IN ('', 'completed')"


@admin.register(Task)
class TaskAdmin(Finding, Keyset, ReadOnly):
    list_display = ("id", "agent_type", "client", "shown_status", "exit_reason", "cost", "ran", "created_at")
    list_filter = (
        "status",
        ("agent_type", EachValue),
        "mode",
        ("exit_reason", ReasonFilter),
        GuardFilter,
        ClientFilter,
    )
    list_select_related = ("client",)
    change_form_outer_before_template = "agents/task_before.html"
    change_form_outer_after_template = "agents/task_after.html"
    ids = ("id", "conversation_id")
    words = ("request_id",)
    search_help_text = (
        'An id of a task, request or conversation, a client, metadata: order=A-17, or "words of a task", among the newest '
        f"{SEARCHED_TEXTS:,}"
    )
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
                    ("guard_rule", "conversation_id"),
                    "replays",
                )
            },
        ),
        ("Answer", {"fields": ("answer", "metadata")}),
        ("Timeline", {"fields": ("over_time",)}),
        ("Journal", {"fields": ("story",)}),
    )

    def matching(self, queryset: QuerySet[Any], term: str) -> Q:
        """Metadata too, by a name and its whole value; and in quotes what was asked, of the newest tasks."""
        if len(term) > 2 and term[0] in QUOTES and term[-1] in QUOTES:
            return Q(pk__in=_asking(queryset, term[1:-1]))
        name, is_pair, value = (part.strip() for part in term.partition("="))
        if not (is_pair and name):
            return super().matching(queryset, term)
        return Q(metadata__contains={name: value}) & ~Q(metadata={})  # the index has none that are empty

    def get_urls(self) -> list[Any]:
        """The pages of replays and forks, before those that take anything for an id."""
        return [
            path("<uuid:task_id>/events/", self.admin_site.admin_view(self.events), name="agents_task_events"),
            path(
                "<uuid:task_id>/cancel/",
                self.admin_site.admin_view(require_POST(self.cancel)),
                name="agents_task_cancel",
            ),
            path("<uuid:task_id>/replay/", self.admin_site.admin_view(self.replay), name="agents_task_replay"),
            path("<uuid:task_id>/forked/", self.admin_site.admin_view(self.forked), name="agents_task_forked"),
            *super().get_urls(),
        ]

    def events(self, request: HttpRequest, task_id: UUID) -> HttpResponseBase:
        """What the task does, as it does it."""
        self._require(request, "agents.view_task")
        return watching.events(request, get_object_or_404(Task, pk=task_id))

    def cancel(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Stop a task that goes wrong, whoever sent it."""
        self._require(request, "agents.change_task")
        task = get_object_or_404(Task, pk=task_id)
        if task.is_final:
            messages.error(request, f"Nothing was changed: the task is {task.status}.")
        else:
            watching.cancel(task)
            audit.note(audit.operator(request), "cancelled", task)
            messages.success(request, "The task is cancelled; one that runs ends within a step.")
        return redirect("admin:agents_task_change", task_id)

    def replay(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Run the task again from its journal, or fork it."""
        self._require(request, "agents.add_agentversion")
        return replaying.replay_view(request, self._context(request), task_id)

    def forked(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """A fork beside the task it came from."""
        self._require(request, "agents.view_task")
        return replaying.forked_view(request, self._context(request), task_id)

    def _require(self, request: HttpRequest, permission: str) -> None:
        if not (request.user.has_perm("agents.view_task") and request.user.has_perm(permission)):
            raise PermissionDenied

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = self.admin_site.each_context(request)
        return context

    @display(description="Replay")
    def replays(self, task: Task) -> SafeString | str:
        """Where the task can be replayed and forked, and where its forks are."""
        if not task.is_final:
            return "When it has ended."
        forks = [(reverse("admin:agents_task_forked", args=[pk]), step) for pk, step in _forks(task)]
        return format_html(
            '<a href="{}" class="text-primary-600">Replay or fork</a>{}',
            reverse("admin:agents_task_replay", args=[task.pk]),
            format_html_join("", ' · <a href="{}" class="text-primary-600">fork at step {}</a>', forks),
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
        is_empty = task.error is None and task.result is None
        return format_html('<div class="written">{}</div>', "–" if is_empty else said(task))

    @display(description="Who called whom")
    def over_time(self, task: Task) -> SafeString | str:
        """The tree of agents, models, tools and people as bars."""
        if task.journal_pruned_at:
            return "Its journal was dropped."
        lines = Event.objects.filter(task_id=task.pk).order_by("seq").values_list("at", "type", "data")
        found = timeline.spans((at, e.from_json(kind, data)) for at, kind, data in lines if kind in e.TYPES)
        shown = timeline.rows(found[:MOST_SPANS], timezone.now())
        return render_to_string("agents/timeline.html", {"rows": shown, "left_out": len(found) - len(shown)})

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


def _asking(tasks: QuerySet[Task], words: str) -> QuerySet[Event, Any]:
    newest = tasks.order_by("-created_at", "-pk").values("pk")[:SEARCHED_TEXTS]
    opening = Event.objects.filter(task_id__in=newest, seq=1, type=e.TaskAccepted.__name__)
    return opening.filter(data__input__task__icontains=words).values("task_id")


def _forks(task: Task) -> list[tuple[Any, int | None]]:
    """The forks made of a task, and for a fork itself its own page."""
    own = [(task.pk, task.forked_step)] if task.forked_from_id else []
    return own + list(task.forks.order_by("created_at").values_list("pk", "forked_step")[:20])


@admin.register(Process)
class ProcessAdmin(ReadOnly):
    list_display = ("name", "kind", "seen_at", "running_tasks")
