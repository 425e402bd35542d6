"""The operators' queue of unsafe calls whose outcome nobody knows."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from accounts.admin.filters import EachValue
from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from agents import outcomes
from agents.models import Task, UnknownOutcome
from agents.tools.registry import MAX_OUTPUT_BYTES

Decision = UnknownOutcome.Decision
CHOICES = [(choice.value, choice.label) for choice in (Decision.RETRY, Decision.DONE, Decision.FAIL)]


class DecisionForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    decision = forms.ChoiceField(choices=CHOICES, widget=UnfoldAdminRadioSelectWidget, label="What became of the call?")
    result = forms.CharField(
        required=False,
        max_length=MAX_OUTPUT_BYTES // 4,
        widget=UnfoldAdminTextareaWidget,
        help_text="What the tool gave, in the words that the agent will read. Only for a call that happened.",
    )

    class Meta:
        model = UnknownOutcome
        fields = ("decision", "result")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("decision") == Decision.DONE and not data.get("result"):
            self.add_error("result", "Say what the call gave; the agent goes on with it.")
        if data.get("decision") in (Decision.RETRY, Decision.FAIL) and data.get("result"):
            self.add_error("result", "Only a call that happened has a result; leave it empty.")
        task = self.instance.task
        if task.status != Task.Status.AWAITING_APPROVAL:
            raise ValidationError("Other parts of the task still run; decide when it waits, in a moment.")
        return data


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "To be decided"), ("decided", "Decided")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_open = Q(decision="")
        return {"open": queryset.filter(is_open), "decided": queryset.exclude(is_open)}.get(
            self.value() or "", queryset
        )


@admin.register(UnknownOutcome)
class UnknownOutcomeAdmin(Finding, Keyset):
    form = DecisionForm
    list_display = ("tool", "of_task", "shown_state", "created_at", "decided_by")
    list_filter = (StateFilter, ("tool", EachValue))
    list_select_related = ("task",)
    keyset = ("-id",)
    ids = ("task_id",)
    finds_clients = False
    search_help_text = "A task's id"
    readonly_fields: ClassVar[tuple[str, ...]] = ("explanation", "of_task", "tool", "shown_arguments", "created_at")
    fieldsets = (
        (None, {"fields": ("explanation", "of_task", "tool", "shown_arguments", "created_at")}),
        ("Decision", {"fields": ("decision", "result")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: UnknownOutcome | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: UnknownOutcome | None = None) -> bool:
        return (obj is None or obj.is_open) and super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: UnknownOutcome | None = None) -> Any:
        if obj is None or obj.is_open:
            return self.fieldsets
        return (self.fieldsets[0], ("Decision", {"fields": ("shown_decision", "result", "decided_by", "decided_at")}))

    def save_model(self, request: HttpRequest, obj: UnknownOutcome, form: Any, change: bool) -> None:
        """The decision is the only change there is."""
        decision, result = form.cleaned_data["decision"], form.cleaned_data["result"]
        try:
            outcomes.resolve(obj.pk, decision, by=request.user.get_username(), result=result)
        except outcomes.CannotResolve as error:
            messages.set_level(request, messages.ERROR)
            messages.error(request, f"Nothing was changed. {error}")

    @display(description="Why this is asked")
    def explanation(self, outcome: UnknownOutcome) -> str:
        return (
            "The process that made this call went away, or the call broke off. Calling the tool again might do twice what must "
            "be done once, so the task waits. Look where the tool works whether it happened, then say so."
        )

    @display(description="Task")
    def of_task(self, outcome: UnknownOutcome) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:agents_task_change", args=[outcome.task_id]), outcome.task_id
        )

    @display(description="Arguments")
    def shown_arguments(self, outcome: UnknownOutcome) -> SafeString:
        """As the model wrote them, escaped."""
        return format_html('<div class="written">{}</div>', outcome.arguments)

    @display(description="Decision")
    def shown_decision(self, outcome: UnknownOutcome) -> str:
        return str(outcome.get_decision_display())

    @display(description="State", label={"to be decided": "warning", "decided": "success"})
    def shown_state(self, outcome: UnknownOutcome) -> str:
        return "to be decided" if outcome.is_open else "decided"
