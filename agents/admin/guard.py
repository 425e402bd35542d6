"""The injection guard in the console: how it does on texts, what another threshold would change, and operators' marks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from accounts import audit
from accounts.admin.audit import Audited
from agents import journal
from agents.engine.events import TaskAccepted
from agents.guards import injection
from agents.guards.injection.measuring import Measure, measured
from agents.guards.injection.model import BLOCK_FROM
from agents.guards.injection.rows import BadRows, Row, rows_in, rows_of
from agents.models import GuardMark, Task

EXAMPLES = Path(injection.__file__).with_name("examples.jsonl")
MOST_ROWS = 5000
MOST_BYTES = 8 * 1024 * 1024
SHOWN_CHARACTERS = 200


class TryForm(forms.Form):
    """A text to judge, or a file of labelled ones."""

    text = forms.CharField(
        required=False, max_length=100_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"})
    )
    file = forms.FileField(
        required=False, widget=UnfoldAdminFileFieldWidget, help_text="JSON lines with text, label, source, category."
    )

    def clean_file(self) -> list[Row] | None:
        """The rows of the file."""
        given = self.cleaned_data.get("file")
        if given is None:
            return None
        if given.size > MOST_BYTES:
            raise forms.ValidationError(
                f"At most {MOST_BYTES // 1024 // 1024} MB; manage.py evaluateguard takes any size."
            )
        try:
            rows = rows_of(given.read().decode().splitlines())
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8; save it so.") from None
        except BadRows as error:
            raise forms.ValidationError(str(error)) from None
        if len(rows) > MOST_ROWS:
            raise forms.ValidationError(f"At most {MOST_ROWS:,} rows; manage.py evaluateguard takes more.")
        return rows


@admin.register(GuardMark)
class GuardMarkAdmin(Audited):
    """Marks are made on a task's page, or of a text that is tried."""

    list_display = ("excerpt", "is_attack", "score", "marked_by", "marked_at")
    list_filter = ("is_attack",)
    fields = ("text", "is_attack", "task", "marked_by", "marked_at")
    readonly_fields = ("text", "task", "marked_by", "marked_at")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("measure/", view(self.measure), name="agents_guardmark_measure"),
            path("of/<uuid:task_id>/", view(self.mark_task), name="agents_guardmark_of"),
            *super().get_urls(),
        ]

    def measure(self, request: HttpRequest) -> HttpResponse:
        """How the guard does on the examples, the marks, or a file; and what it says of one text."""
        if not request.user.has_perm("agents.view_guardmark"):
            raise PermissionDenied
        form = TryForm(request.POST or None, request.FILES or None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Guard",
            "form": form,
            "marks": GuardMark.objects.count(),
            "may_mark": request.user.has_perm("agents.add_guardmark"),
        }
        wanted, rows = request.GET.get("of", "examples"), None
        if request.method == "POST" and form.is_valid():
            text = form.cleaned_data["text"].strip()
            if "mark" in request.POST and text:
                return self._mark_text(request, text)
            if text:
                context["tried"] = injection.check(text)
            if rows := form.cleaned_data["file"]:
                wanted = "file"
        if rows is None:
            rows = _marked() if wanted == "marks" else rows_in(EXAMPLES)
        if rows:
            context |= _measured(rows)
        return TemplateResponse(request, "agents/guard.html", {**context, "of": wanted})

    def mark_task(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Keep what an operator says of a task's text."""
        if not (request.user.has_perm("agents.add_guardmark") and request.user.has_perm("agents.view_task")):
            raise PermissionDenied
        task = get_object_or_404(Task, pk=task_id)
        if request.method == "POST":
            if task.journal_pruned_at:
                messages.error(request, "The task's text was dropped with its journal, so there is nothing to mark.")
            else:
                _, accepted = journal.events(task.pk)[0]
                self._keep(request, cast(TaskAccepted, accepted).input.task, task)
        return redirect("admin:agents_task_change", task_id)

    def _mark_text(self, request: HttpRequest, text: str) -> HttpResponse:
        if not request.user.has_perm("agents.add_guardmark"):
            raise PermissionDenied
        self._keep(request, text, None)
        return redirect("admin:agents_guardmark_measure")

    @transaction.atomic
    def _keep(self, request: HttpRequest, text: str, task: Task | None) -> None:
        is_attack = request.POST.get("mark") == "attack"
        if task is not None:
            GuardMark.objects.filter(task=task).delete()
        mark = GuardMark.objects.create(
            text=text, is_attack=is_attack, task=task, marked_by=request.user.get_username()
        )
        audit.record(audit.operator(request), "created", mark)
        messages.success(request, f"Marked as {'an attack' if is_attack else 'honest'}.")

    @display(description="text")
    def excerpt(self, mark: GuardMark) -> str:
        return mark.text[:SHOWN_CHARACTERS]

    @display(description="score")
    def score(self, mark: GuardMark) -> float:
        return injection.check(mark.text).score


def _marked() -> list[Row]:
    marks = GuardMark.objects.all()[:MOST_ROWS]
    return [Row(mark.text, mark.is_attack, "marks", "attack" if mark.is_attack else "honest") for mark in marks]


def _measured(rows: Sequence[Row]) -> dict[str, Any]:
    measure = measured(rows, lambda text: injection.check(text).score, BLOCK_FROM)
    own = [injection.check(row.text).score for row in rows]
    return {
        "measure": measure,
        "shares": _shares(measure),
        "block_from": BLOCK_FROM,
        "rows": [
            {"score": each, "is_attack": row.is_attack, "text": row.text[:SHOWN_CHARACTERS], "kind": row.kind}
            for row, each in zip(rows, own, strict=True)
        ],
    }


def _shares(measure: Measure) -> list[tuple[str, str]]:
    told = []
    if measure.recall_at_1pct_fpr is not None:
        told.append(("Attacks found while 1 % of the honest texts are hit", f"{measure.recall_at_1pct_fpr:.1%}"))
    if measure.auc is not None:
        told.append(("Area under the curve", f"{measure.auc:.3f}"))
    latency = measure.latency_ms
    return [*told, ("Milliseconds a text, median and 95 %", f"{latency.p50:g}, {latency.p95:g}")]
