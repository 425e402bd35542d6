"""Agents and tasks in the operators' console."""

import json
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from agents import publishing
from agents.models import Agent, AgentVersion, Event, Process, Task
from agents.presenting import money

STATUS_COLOURS = {
    "draft": "info", "published": "success", "retired": "warning",
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


@admin.register(Agent)
class AgentAdmin(ModelAdmin):
    list_display = ("slug", "published_version", "description", "is_active")
    list_filter = ("is_active",)
    search_fields = ("slug",)
    readonly_fields = ("version_links",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        agents: QuerySet[Agent] = super().get_queryset(request)
        return agents.prefetch_related("versions")

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> tuple[str, ...]:
        return ("slug", *self.readonly_fields) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        return False

    @display(description="Published")
    def published_version(self, agent: Agent) -> str:
        published = _published(agent)
        return f"v{published.number}" if published else "-"

    @display(description="Description")
    def description(self, agent: Agent) -> str:
        published = _published(agent)
        return published.description if published else ""

    @display(description="Versions")
    def version_links(self, agent: Agent) -> SafeString:
        rows = (
            (reverse("admin:agents_agentversion_change", args=[version.pk]), version.number, version.status)
            for version in agent.versions.all()
        )
        return format_html_join(", ", '<a href="{}">v{} ({})</a>', rows)


class AgentVersionForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    class Meta:
        model = AgentVersion
        fields = ("agent", *publishing.CONTENT)

    def clean_tools(self) -> list[str]:
        return publishing.checked_tools(self.cleaned_data["tools"])

    def clean_fallback_models(self) -> list[str]:
        return publishing.checked_models(self.cleaned_data["fallback_models"] or [])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if (data.get("model") or settings.AGENT_MODEL) in data.get("fallback_models", []):
            self.add_error("fallback_models", "It falls back to itself: name other models than the agent's own.")
        agent = data.get("agent") or getattr(self.instance, "agent", None)
        if agent is not None and "delegates" in data:
            try:
                publishing.checked_delegates(data["delegates"], agent.slug)
            except forms.ValidationError as error:
                self.add_error("delegates", error)
        return data


@admin.register(AgentVersion)
class AgentVersionAdmin(ModelAdmin):
    form = AgentVersionForm
    list_display = ("__str__", "shown_status", "strategy", "model", "created_at")
    list_filter = ("status", "agent")
    list_select_related = ("agent",)
    search_fields = ("agent__slug", "description")
    actions_detail: ClassVar[list[str]] = ["publish", "copy_to_draft"]

    def save_model(self, request: HttpRequest, obj: AgentVersion, form: Any, change: bool) -> None:
        if not change:
            obj.number = publishing.next_number(obj.agent)
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: AgentVersion | None = None) -> bool:
        return (obj is None or obj.status == AgentVersion.Status.DRAFT) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: AgentVersion | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: AgentVersion | None = None) -> tuple[str, ...]:
        return ("agent",) if obj else ()

    @display(description="Status", label=STATUS_COLOURS)
    def shown_status(self, version: AgentVersion) -> str:
        return version.status

    @action(description="Publish", url_path="publish", permissions=["publish"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = AgentVersion.objects.select_related("agent").get(pk=object_id)
        publishing.publish(version)
        messages.success(request, f"{version} is published; new tasks run it within seconds.")
        return redirect("admin:agents_agentversion_change", object_id)

    @action(description="Copy to a new draft", url_path="copy", permissions=["publish"])
    def copy_to_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        draft = publishing.draft_from(AgentVersion.objects.select_related("agent").get(pk=object_id))
        return redirect("admin:agents_agentversion_change", draft.pk)

    def has_publish_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.is_active and request.user.has_perm("agents.change_agentversion")

    def get_fields(self, request: HttpRequest, obj: AgentVersion | None = None) -> tuple[str, ...]:
        return ("agent", *publishing.CONTENT)


@admin.register(Task)
class TaskAdmin(ReadOnly):
    list_display = ("id", "agent_type", "client", "shown_status", "exit_reason", "cost", "ran", "created_at")
    list_filter = ("status", "agent_type", "mode", "exit_reason")
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


def _published(agent: Agent) -> AgentVersion | None:
    return next((version for version in agent.versions.all() if version.status == AgentVersion.Status.PUBLISHED), None)
