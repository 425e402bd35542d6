"""What operators do with a version: each act is one POST from a button, is audited, and says what came of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts import audit
from agents import publishing
from agents.models import AgentVersion

Act = Callable[[HttpRequest, AgentVersion], HttpResponse | None]


def _publish(request: HttpRequest, version: AgentVersion) -> None:
    before = publishing.publish(version, actor=audit.operator(request))
    instead = f" in place of v{before.number}, which is retired" if before else ""
    messages.success(request, f"{version} is published{instead}. New tasks run it within seconds.")
    for warning in publishing.warnings(version):
        messages.warning(request, warning)


def _retire(request: HttpRequest, version: AgentVersion) -> None:
    was_published = version.status == AgentVersion.Status.PUBLISHED
    publishing.retire(version, actor=audit.operator(request))
    meaning = (
        f"{version.agent} takes no new tasks until a version of it is published" if was_published else "it is over"
    )
    messages.success(request, f"{version} is retired: {meaning}. Tasks that run it go on.")


def _try_out(request: HttpRequest, version: AgentVersion) -> None:
    percent = request.POST.get("percent", "")
    number = int(percent) if percent.isascii() and percent.isdecimal() and len(percent) < 4 else 0
    publishing.try_out(version, number, actor=audit.operator(request))
    messages.success(request, f"{number} % of the new tasks of {version.agent} run {version} within seconds.")
    for warning in publishing.warnings(version):
        messages.warning(request, warning)


def _copy(request: HttpRequest, version: AgentVersion) -> HttpResponse:
    draft = publishing.draft_from(version, actor=audit.operator(request))
    messages.success(request, f"{draft} is a draft with the content of v{version.number}.")
    return redirect("admin:agents_agentversion_change", draft.pk)


ACTS: dict[str, Act] = {"publish": _publish, "retire": _retire, "try-out": _try_out, "copy": _copy}


def view_of(act: Act) -> Callable[..., HttpResponse]:
    """The view that performs an act and leads back to the page whose button it was."""

    def view(request: HttpRequest, version_id: int) -> HttpResponse:
        version = get_object_or_404(AgentVersion.objects.select_related("agent"), pk=version_id)
        if not may(request):
            raise PermissionDenied
        answer = None
        try:
            answer = act(request, version)
        except ValidationError as error:
            for message in error.messages:
                messages.error(request, f"Nothing was changed. {message}")
        if answer:
            return answer
        if request.POST.get("back") == "agent":
            return redirect("admin:agents_agent_change", version.agent_id)
        return redirect("admin:agents_agentversion_change", version.pk)

    return require_POST(view)


def may(request: HttpRequest) -> bool:
    """Whether the operator may publish, retire and try out versions."""
    return bool(request.user.is_active and request.user.has_perm("agents.change_agentversion"))


def buttons(version: AgentVersion, published: AgentVersion | None) -> dict[str, Any]:
    """Which acts make sense for a version now, and what the button says; none for code."""
    if version.strategy == AgentVersion.Strategy.CODE:
        return {}
    status = AgentVersion.Status(version.status)
    is_older = published is not None and version.published_at is not None and version.number < published.number
    wording = {
        AgentVersion.Status.CANDIDATE: "Promote",
        AgentVersion.Status.DRAFT: "Publish",
        AgentVersion.Status.RETIRED: f"Roll back to v{version.number}" if is_older else "Publish",
    }
    return {
        "publish": wording.get(status, ""),
        "retire": {AgentVersion.Status.PUBLISHED: "Retire", AgentVersion.Status.CANDIDATE: "Stop trial"}.get(
            status, ""
        ),
        "try_out": status != AgentVersion.Status.PUBLISHED and published is not None,
        "copy": True,
        "delete": status == AgentVersion.Status.DRAFT,
    }
