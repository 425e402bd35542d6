"""The console's playground: any version tried in the browser, as a task of the console's own that is watched while it runs."""

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from pydantic import ValidationError as BadTask
from unfold.admin import ModelAdmin

from accounts.console_client import console_client
from agentplatform.errors import FieldError, InvalidRequest, PlatformError, problem_response
from agents import console_tasks
from agents.admin import life, watching
from agents.models import AgentVersion, Task
from agents.presenting import money

MOST_VERSIONS = 300
SEEN_FIRST = {"published": 0, "candidate": 1, "draft": 2, "retired": 3}


class Playground:
    """The pages of the playground, in the name of the admin of versions."""

    def __init__(self, admin: ModelAdmin) -> None:
        self._admin = admin

    @property
    def urls(self) -> list[URLPattern]:
        """What stands below the versions' own addresses."""
        views: dict[str, tuple[Any, str]] = {
            "playground/": (self.page, "playground"),
            "playground/run/": (require_POST(self.run), "playground_run"),
            "playground/run/<uuid:task_id>/events/": (self.events, "playground_events"),
            "playground/run/<uuid:task_id>/cancel/": (require_POST(self.cancel), "playground_cancel"),
        }
        wrap = self._admin.admin_site.admin_view
        return [
            path(address, wrap(view), name=f"agents_agentversion_{name}") for address, (view, name) in views.items()
        ]

    def page(self, request: HttpRequest) -> HttpResponse:
        """The page; `?version=` is chosen at first."""
        _require(request)
        context = {
            **self._admin.admin_site.each_context(request),
            "title": "Playground",
            "choices": json.dumps(_choices(), ensure_ascii=False),
            "chosen": request.GET.get("version", ""),
            "run_url": reverse("admin:agents_agentversion_playground_run"),
            "approvals_url": f"{reverse('admin:approvals_approval_changelist')}?state=open",
        }
        return TemplateResponse(request, "agents/playground_console.html", context)

    def run(self, request: HttpRequest) -> HttpResponse:
        """Begin a task: `version`, `task` and `context` as JSON; gives its id and its page."""
        _require(request)
        try:
            task = _begun(request.body)
        except PlatformError as refusal:
            return problem_response(refusal, request)
        return JsonResponse({"task_id": str(task.pk), "page": reverse("admin:agents_task_change", args=[task.pk])})

    def events(self, request: HttpRequest, task_id: UUID) -> HttpResponseBase:
        """The events of a task of the console's, as clients see those of theirs."""
        _require(request)
        return watching.events(request, _own(task_id))

    def cancel(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Stop a task of the console's."""
        _require(request)
        task = _own(task_id)
        watching.cancel(task)
        return JsonResponse({"task_id": str(task_id), "status": task.status})


def _require(request: HttpRequest) -> None:
    if not life.may(request):
        raise PermissionDenied


def _own(task_id: UUID) -> Task:
    return get_object_or_404(Task, pk=task_id, client=console_client())


def _begun(body: bytes) -> Task:
    try:
        given = json.loads(body)
        version_id, task, context = given["version"], given["task"], given.get("context", {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest([FieldError("body", "invalid", "It takes version and task as JSON.")]) from error
    known = AgentVersion.objects.select_related("agent")
    version = known.filter(pk=version_id).first() if isinstance(version_id, int) else None
    if not isinstance(context, dict):
        raise InvalidRequest([FieldError("context", "invalid", "It takes a JSON object.")])
    if version is None:
        raise InvalidRequest([FieldError("version", "invalid_choice", "There is no such version.")])
    try:
        return console_tasks.begin(version, task, context, metadata={"playground": True})
    except BadTask as error:
        faults = [FieldError(str(each["loc"][0]), each["type"], each["msg"]) for each in error.errors()]
        raise InvalidRequest(faults) from error


def _choices() -> list[dict[str, Any]]:
    """The versions that can be tried, those that clients run first."""
    found = AgentVersion.objects.select_related("agent").order_by("-pk")[:MOST_VERSIONS]
    shown = sorted(found, key=lambda each: (SEEN_FIRST[each.status], each.agent.slug, -each.number))
    return [
        {
            "id": each.pk,
            "agent": each.agent.slug,
            "name": f"{each.agent.slug} v{each.number}, {each.status}",
            "caps": f"At most ${money(each.max_cost_usd)}, {each.max_steps} steps, {each.timeout_seconds} s.",
        }
        for each in shown
    ]
