"""Data sets in the console: cases with their checks, runs on versions, and what came of each case."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts import audit
from accounts.admin.audit import Audited
from accounts.admin.read_only import ReadOnly
from agents.evals import cases, checks, gate, intervals, running
from agents.evals.models import Case, Check, DataSet, Outcome, Run
from agents.models import Task

SHOWN_RUNS = 20
SHOWN_CASES = 500
LOOK_AGAIN_SECONDS = "2"
STATUS_COLOURS = {"running": "info", "finished": "success", "stopped": "warning"}


class CheckForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    class Meta:
        model = Check
        fields = ("kind", "value")
        widgets: ClassVar = {
            "kind": UnfoldAdminSelectWidget,
            "value": UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"}),
        }

    def clean(self) -> dict[str, Any]:
        """A check that could never hold, or be read, is refused here and not in the run."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "kind" in cleaned and "value" in cleaned and (fault := checks.fault(cleaned["kind"], cleaned["value"])):
            self.add_error("value", fault)
        return cleaned


class CheckInline(TabularInline):
    model = Check
    form = CheckForm
    extra = 1
    verbose_name_plural = "What has to hold of the answer"


@admin.register(DataSet)
class DataSetAdmin(Audited):
    list_display = ("name", "agent", "cases_count", "shown_gate", "newest_run")
    list_filter = ("agent", "is_required")
    list_select_related = ("agent",)
    search_fields = ("name",)
    show_full_result_count = False
    fields = ("agent", "name", ("is_required", "pass_percent"))
    change_form_outer_after_template = "evals/data_set.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataSet]:
        return DataSet.objects.annotate(found=Count("cases"))

    def get_readonly_fields(self, request: HttpRequest, obj: DataSet | None = None) -> tuple[str, ...]:
        return ("agent",) if obj else ()

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.run_view))
        return [path("<int:data_set_id>/run/", view, name="evals_dataset_run"), *super().get_urls()]

    def run_view(self, request: HttpRequest, data_set_id: int) -> HttpResponse:
        """Run a version on the data set."""
        if not request.user.has_perm("evals.add_run"):
            raise PermissionDenied
        data_set = get_object_or_404(DataSet.objects.select_related("agent"), pk=data_set_id)
        wanted = request.POST.get("version", "")
        versions = data_set.agent.versions.select_related("agent")
        version = versions.filter(pk=wanted).first() if wanted.isascii() and wanted.isdecimal() else None
        if version is None:
            messages.error(request, f"Choose a version of {data_set.agent}.")
            return redirect("admin:evals_dataset_change", data_set_id)
        try:
            run = running.start(data_set, version, actor=audit.operator(request))
        except ValidationError as error:
            for message in error.messages:
                messages.error(request, message)
            return redirect("admin:evals_dataset_change", data_set_id)
        return redirect("admin:evals_run_change", run.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with its cases, its runs, and a button to run it."""
        data_set = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if isinstance(data_set, DataSet):
            runs = data_set.runs.select_related("version__agent")[:SHOWN_RUNS]
            shown = {
                "data_set": data_set,
                "cases": data_set.cases.prefetch_related("checks")[:SHOWN_CASES],
                "runs": [(run, intervals.share(run.passed, run.passed + run.failed)) for run in runs],
                "versions": data_set.agent.versions.order_by("-number")[:SHOWN_RUNS],
            }
        page: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        return page

    @display(description="cases", ordering="found")
    def cases_count(self, data_set: Any) -> int:
        return int(data_set.found)

    @display(description="gate")
    def shown_gate(self, data_set: DataSet) -> str:
        return f"{data_set.pass_percent} % have to pass" if data_set.is_required else "–"

    @display(description="newest run")
    def newest_run(self, data_set: DataSet) -> SafeString | str:
        run = data_set.runs.select_related("version").first()
        return _run_link(run) if run else "never"


@admin.register(Case)
class CaseAdmin(Audited):
    list_display = ("name", "data_set", "created_by", "created_at")
    list_filter = ("data_set",)
    list_select_related = ("data_set__agent",)
    search_fields = ("name", "task")
    show_full_result_count = False
    fields = ("data_set", "name", "task", "context", "origin")
    readonly_fields = ("origin",)
    inlines: ClassVar = [CheckInline]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("task", "context") and field:
            field.widget.attrs["rows"] = 4
        return field

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.of_view))
        return [path("of/<uuid:task_id>/", view, name="evals_case_of"), *super().get_urls()]

    def of_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Turn a task into a case."""
        if not (request.user.has_perm("evals.add_case") and request.user.has_perm("agents.view_task")):
            raise PermissionDenied
        task = get_object_or_404(Task.objects.select_related("agent_version__agent", "feedback"), pk=task_id)
        try:
            case = cases.from_task(task, actor=audit.operator(request))
        except ValidationError as error:
            messages.error(request, error.messages[0])
            return redirect("admin:agents_task_change", task_id)
        messages.success(request, f"It is a case of {case.data_set} now. Look at what is checked.")
        return redirect("admin:evals_case_change", case.pk)

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Case, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Case, post_url_continue: Any = None) -> HttpResponse:
        page: HttpResponse = super().response_add(request, obj, post_url_continue)
        return self._back(request, obj, page)

    def response_change(self, request: HttpRequest, obj: Case) -> HttpResponse:
        page: HttpResponse = super().response_change(request, obj)
        return self._back(request, obj, page)

    def _back(self, request: HttpRequest, case: Case, page: HttpResponse) -> HttpResponse:
        """To its data set, where the next thing is done, unless another button was pressed."""
        return redirect("admin:evals_dataset_change", case.data_set_id) if "_save" in request.POST else page

    @display(description="made of")
    def origin(self, case: Case) -> SafeString | str:
        if case.from_task_id is None:
            return "nothing: it was written here"
        address = reverse("admin:agents_task_change", args=[case.from_task_id])
        return format_html('<a href="{}" class="text-primary-600">task {}</a>', address, case.from_task_id)


@admin.register(Run)
class RunAdmin(ReadOnly, ModelAdmin):
    list_display = ("shown_name", "shown_status", "passed_of", "started_by", "started_at")
    list_filter = ("status", "data_set")
    list_select_related = ("version__agent", "data_set__agent")
    list_display_links = ("shown_name",)
    show_full_result_count = False
    fields = (("shown_status", "passed_of"), "started_by", ("started_at", "ended_at"))
    readonly_fields = ("shown_status", "passed_of")
    change_form_outer_after_template = "evals/run.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.stop_view))
        return [path("<int:run_id>/stop/", view, name="evals_run_stop"), *super().get_urls()]

    def stop_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """End a run before its time."""
        if not request.user.has_perm("evals.change_run"):
            raise PermissionDenied
        try:
            running.stop(get_object_or_404(Run, pk=run_id), actor=audit.operator(request))
        except ValidationError as error:
            messages.error(request, error.messages[0])
        return redirect("admin:evals_run_change", run_id)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The run as far as it is; the page looks again while it goes on."""
        run = self.get_object(request, object_id)
        shown = _shown(run) if isinstance(run, Run) else {}
        page: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        if isinstance(run, Run) and run.status == Run.Status.RUNNING:
            page["Refresh"] = LOOK_AGAIN_SECONDS
        return page

    @display(description="run")
    def shown_name(self, run: Run) -> str:
        return str(run)

    @display(description="status", label=STATUS_COLOURS)
    def shown_status(self, run: Run) -> str:
        return run.status

    @display(description="passed")
    def passed_of(self, run: Run) -> str:
        return f"{run.passed} of {run.total}"


def _shown(run: Run) -> dict[str, Any]:
    before = gate.published_run(run.data_set)
    if before is None or before.pk >= run.pk:
        before = run.data_set.runs.filter(pk__lt=run.pk, status=Run.Status.FINISHED).first()
    states: dict[int | None, str] = dict(before.outcomes.values_list("case_id", "state")) if before else {}
    outcomes = list(run.outcomes.select_related("task"))
    lines = [(outcome, _change(outcome, states.get(outcome.case_id))) for outcome in outcomes]
    order = {"worse": 0, "": 1, "better": 2}
    failed_first = sorted(lines, key=lambda line: (line[0].state != Outcome.State.FAILED, order[line[1]]))
    ended = run.passed + run.failed
    return {
        "run": run,
        "ended": ended,
        "share": intervals.share(run.passed, ended),
        "lines": failed_first[:SHOWN_CASES],
        "before": before,
        "worse": sum(change == "worse" for _, change in lines),
        "better": sum(change == "better" for _, change in lines),
        "cost_usd": sum(outcome.cost_usd for outcome in outcomes),
        "is_current": bytes(run.digest) == run.data_set.digest(),
    }


def _change(outcome: Outcome, before: str | None) -> str:
    changes = {("passed", "failed"): "worse", ("failed", "passed"): "better"}
    return changes.get((before or "", outcome.state), "")


def _run_link(run: Run) -> SafeString:
    address = reverse("admin:evals_run_change", args=[run.pk])
    told = f"v{run.version.number}: {run.passed} of {run.total}" + (" …" if run.status == Run.Status.RUNNING else "")
    return format_html('<a href="{}" class="text-primary-600">{}</a>', address, told)
