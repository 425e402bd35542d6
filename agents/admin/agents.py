"""Agents and their versions in the operators' console."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from agents import publishing
from agents.models import Agent, AgentVersion

STATUS_COLOURS = {"draft": "info", "published": "success", "retired": "warning"}


@admin.register(Agent)
class AgentAdmin(ModelAdmin):
    list_display = ("slug", "published_version", "description", "is_active")
    list_filter = ("is_active",)
    search_fields = ("slug",)
    readonly_fields = ("version_links",)
    exclude = ("candidate", "candidate_percent")

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
        if agent := data.get("agent") or getattr(self.instance, "agent", None):
            self._check("delegates", publishing.checked_delegates, agent)
            self._check("handoffs", publishing.checked_handoffs, agent)
        return data

    def _check(self, field: str, check: Callable[[object, str], list[str]], agent: Agent) -> None:
        if field in self.cleaned_data:
            given = self.cleaned_data[field]
            try:
                self.cleaned_data[field] = check([] if given is None else given, agent.slug)
            except forms.ValidationError as error:
                self.add_error(field, error)


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
        try:
            publishing.publish(version)
        except forms.ValidationError as error:
            messages.error(request, f"{version} is not published. {' '.join(error.messages)}")
        else:
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


def _published(agent: Agent) -> AgentVersion | None:
    return next((version for version in agent.versions.all() if version.status == AgentVersion.Status.PUBLISHED), None)
