"""Agents as YAML in the console: downloaded, and brought in after a look at what a file would change."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from accounts import audit
from agents.exchange import importing, writing
from agents.exchange.importing import Outcome
from agents.exchange.reading import MAX_BYTES
from agents.models import Agent

SHOWN_FAULTS = 200


class ImportForm(forms.Form):
    """A file, or its text; what was read of a file stays in the text for the next step."""

    file = forms.FileField(required=False, widget=UnfoldAdminFileFieldWidget, label="File")
    text = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14, "spellcheck": "false"}),
        label="Or its text",
    )
    publish = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        label="Publish what it has",
        help_text="Else new versions are drafts.",
    )

    @property
    def data_given(self) -> bytes:
        """The file's bytes, or the text's."""
        file = self.cleaned_data.get("file")
        given: bytes = file.read(MAX_BYTES + 1) if file else self.cleaned_data["text"].replace("\r\n", "\n").encode()
        return given


def export_all() -> HttpResponse:
    """All agents, each with the version that it has published."""
    return _download("agents.yaml", writing.written(Agent.objects.all()).text)


def export_one(request: HttpRequest, agent_id: int) -> HttpResponse:
    """An agent with all of its versions."""
    if not request.user.has_perm("agents.view_agentversion"):
        raise PermissionDenied
    agent = get_object_or_404(Agent, pk=agent_id)
    return _download(f"{agent.slug}.yaml", writing.written([agent], all_versions=True).text)


def import_view(request: HttpRequest, admin: ModelAdmin) -> HttpResponse:
    """Look at what a file would change, then import it."""
    form = ImportForm(request.POST or None, request.FILES or None)
    outcome, name = None, "text"
    if request.method == "POST" and form.is_valid():
        data, publish, is_look = form.data_given, form.cleaned_data["publish"], "_import" not in request.POST
        name = form.cleaned_data["file"].name if form.cleaned_data.get("file") else name
        outcome = importing.bring_in(data, publish=publish, dry_run=is_look, actor=audit.operator(request))
        if not is_look and not outcome.faults:
            return _done(request, outcome)
        form = ImportForm(initial={"text": data[:MAX_BYTES].decode(errors="replace"), "publish": publish})
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "title": "Import agents",
        "opts": admin.opts,
        "form": form,
        "outcome": outcome,
        "faults": outcome.told(name, SHOWN_FAULTS) if outcome else (),
    }
    return TemplateResponse(request, "agents/import.html", context)


def _done(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    for line in outcome.lines[:SHOWN_FAULTS]:
        messages.success(request, line)
    for warning in outcome.warnings[:SHOWN_FAULTS]:
        messages.warning(request, warning)
    return redirect("admin:agents_agent_changelist")


def _download(name: str, text: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
