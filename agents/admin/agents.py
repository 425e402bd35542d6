"""Agents in the operators' console: their versions, what is published, what is tried out, and how two versions differ."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from unfold.decorators import action, display

from accounts.admin.audit import Audited
from agents import comparing, publishing
from agents.admin import exchange, life
from agents.code import declaring
from agents.evals import side_by_side
from agents.models import Agent, AgentVersion

SHOWN_VERSIONS = 50


@admin.register(Agent)
class AgentAdmin(Audited):
    list_display = ("slug", "published_version", "tried_out", "strategy", "description", "is_active")
    list_filter = ("is_active",)
    search_fields = ("slug",)
    fields = ("slug", "is_active")
    change_form_outer_after_template = "agents/agent_versions.html"
    actions_list: ClassVar[list[str]] = ["export_all", "bring_in"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        agents: QuerySet[Agent] = super().get_queryset(request)
        published = AgentVersion.objects.filter(status=AgentVersion.Status.PUBLISHED)
        return agents.select_related("candidate").prefetch_related(Prefetch("versions", published, to_attr="published"))

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        """What stands beside the form, before the addresses that take anything for an id."""
        views: dict[str, Any] = {
            "<int:agent_id>/compare/": (self.compare_view, "compare"),
            "<int:agent_id>/export/": (exchange.export_one, "export_one"),
        }
        own = [
            path(address, self.admin_site.admin_view(view), name=f"agents_agent_{name}")
            for address, (view, name) in views.items()
        ]
        return [*own, *super().get_urls()]

    @action(description="Export as YAML", url_path="export", permissions=["view"])
    def export_all(self, request: HttpRequest) -> HttpResponse:
        """All agents, each with the version that it has published."""
        return exchange.export_all()

    @action(description="Import YAML", url_path="import", permissions=["exchange"])
    def bring_in(self, request: HttpRequest) -> HttpResponse:
        """Agents of a file, after a look at what it would change."""
        return exchange.import_view(request, self)

    def has_exchange_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the operator may make agents and versions."""
        return all(
            request.user.has_perm(f"agents.{act}") for act in ("add_agent", "add_agentversion", "change_agentversion")
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The agent, with its versions and what can be done with each."""
        agent = Agent.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        shown = _versions(agent, may=life.may(request)) if agent else {}
        page: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        return page

    def compare_view(self, request: HttpRequest, agent_id: int) -> HttpResponse:
        """Two versions side by side; `?old=1&new=2` names them by their numbers."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        agent = get_object_or_404(Agent, pk=agent_id)
        numbers = [request.GET.get(name, "") for name in ("old", "new")]
        old, new = (_numbered(agent, number) for number in numbers)
        if old is None or new is None:
            messages.error(
                request, f"Choose two versions of {agent} by their numbers; old={numbers[0]}, new={numbers[1]} are not."
            )
            return redirect("admin:agents_agent_change", agent_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Compare v{old.number} and v{new.number} of {agent}",
            "opts": self.opts,
            "agent": agent,
            "old": old,
            "new": new,
            "fields": comparing.compared(old, new),
        }
        return TemplateResponse(request, "agents/compare.html", context)

    @display(description="Published")
    def published_version(self, agent: Any) -> str:
        return f"v{agent.published[0].number}" if agent.published else "–"

    @display(description="Tried out")
    def tried_out(self, agent: Agent) -> str:
        return f"v{agent.candidate.number}: {agent.candidate_percent} %" if agent.candidate else "–"

    @display(description="Strategy")
    def strategy(self, agent: Any) -> str:
        return str(agent.published[0].strategy) if agent.published else ""

    @display(description="Description")
    def description(self, agent: Any) -> str:
        return str(agent.published[0].description) if agent.published else ""


def _versions(agent: Agent, *, may: bool) -> dict[str, Any]:
    found = list(agent.versions.select_related("agent").order_by("-number")[: SHOWN_VERSIONS + 1])
    published = publishing.published(agent)
    candidate = publishing.candidate(agent)
    return {
        "agent": agent,
        "versions": [
            (version, life.buttons(version, published) if may else None) for version in found[:SHOWN_VERSIONS]
        ],
        "code": _told_of_code(agent),
        "is_more": len(found) > SHOWN_VERSIONS,
        "published": published,
        "candidate": candidate,
        "data_sets": agent.data_sets.all(),
        "side_by_side": side_by_side.compared(published, candidate) if published and candidate else [],
        "rollback": publishing.before_published(agent) if may else None,
        "warnings": [
            (version, told) for version in (published, candidate) if version for told in publishing.warnings(version)
        ],
    }


def _told_of_code(agent: Agent) -> str:
    """What operators should know of an agent that is a function."""
    if not publishing.is_code(agent):
        return ""
    is_here = agent.slug in declaring.registered()
    gone = "" if is_here else " No module of AGENT_MODULES declares it any more, so it takes no tasks."
    return f"This agent is code: a function, of which each changed declaration is a version.{gone}"


def _numbered(agent: Agent, number: str) -> AgentVersion | None:
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    return agent.versions.select_related("agent").filter(number=number).first() if is_number else None
