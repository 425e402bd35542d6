"""The versions of agents in the operators' console."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from unfold.decorators import display

from accounts import audit
from accounts.admin.audit import Audited
from agents import publishing
from agents.admin import life
from agents.admin.playground import Playground
from agents.admin.version_form import AgentVersionForm
from agents.evals import gate
from agents.models import Agent, AgentVersion

STATUS_COLOURS = {"draft": "info", "published": "success", "candidate": "warning", "retired": "default"}


@admin.register(AgentVersion)
class AgentVersionAdmin(Audited):
    """A draft is edited here; the buttons below the form publish, try out, retire and copy."""

    form = AgentVersionForm
    list_display = ("__str__", "shown_status", "strategy", "model", "created_at", "published_at")
    list_filter = ("status", "agent")
    list_select_related = ("agent",)
    search_fields = ("agent__slug", "description")
    change_form_outer_after_template = "agents/version_life.html"
    fieldsets: ClassVar = [
        (None, {"fields": ("agent", "description", "instructions", "strategy")}),
        ("Model", {"fields": ("model", "fallback_models", "temperature", "model_settings", "max_output_tokens")}),
        ("Tools and other agents", {"fields": ("tools", "delegates", "handoffs")}),
        ("Result and guards", {"fields": ("output_schema", "guard_mode", "output_guard", "topics", "cache_seconds")}),
        (
            "Approvals",
            {"fields": ("approval", "approval_tools", ("approval_timeout_seconds", "approval_on_timeout"))},
        ),
        ("Limits of a task", {"fields": ("max_steps", "max_cost_usd", "timeout_seconds")}),
    ]

    def save_model(self, request: HttpRequest, obj: AgentVersion, form: Any, change: bool) -> None:
        with transaction.atomic():
            # One operator after the other: a draft that was published meanwhile is not changed.
            agent = Agent.objects.select_for_update().get(pk=obj.agent_id)
            if not change:
                obj.number = publishing.next_number(agent)
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: AgentVersion) -> None:
        publishing.delete(obj, actor=audit.operator(request))

    def has_change_permission(self, request: HttpRequest, obj: AgentVersion | None = None) -> bool:
        return (obj is None or publishing.is_changeable(obj)) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: AgentVersion | None = None) -> bool:
        return obj is not None and publishing.is_changeable(obj) and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: AgentVersion | None = None) -> tuple[str, ...]:
        return ("agent",) if obj else ()

    def get_urls(self) -> list[Any]:
        """The buttons' addresses, before those that take anything for an id."""
        acts = [
            path(
                f"<int:version_id>/{name}/",
                self.admin_site.admin_view(life.view_of(act)),
                name=f"agents_agentversion_{name}",
            )
            for name, act in life.ACTS.items()
        ]
        return [*Playground(self).urls, *acts, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with what can be done with the version."""
        version = (
            AgentVersion.objects.select_related("agent").filter(pk=object_id).first() if object_id.isdecimal() else None
        )
        shown: dict[str, Any] = {}
        if version:
            is_draft = version.status == AgentVersion.Status.DRAFT
            shown = {
                "version": version,
                "is_changeable": is_draft and publishing.is_changeable(version),
                "published": (published := publishing.published(version.agent)),
                "buttons": life.buttons(version, published) if life.may(request) else None,
                "faults": [
                    *(publishing.faults(version) if is_draft else []),
                    *([] if version.published_at else gate.why_closed(version)),
                ],
                "warnings": publishing.warnings(version),
            }
        page: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        return page

    @display(description="Status", label=STATUS_COLOURS)
    def shown_status(self, version: AgentVersion) -> str:
        return version.status
