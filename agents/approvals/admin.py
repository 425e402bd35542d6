"""The operators' queue of what agents ask people."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from accounts import audit
from accounts.admin.filters import EachValue
from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from agentplatform.errors import Conflict
from agents.approvals import answering
from agents.approvals.models import Approval

Decision = Approval.Decision
CHOICES = [(Decision.APPROVE.value, "Approve"), (Decision.REJECT.value, "Reject")]
STATES = {"open": "warning", "approve": "success", "reject": "danger", "expire": "danger", "moot": "default"}


class AnswerForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    decision = forms.ChoiceField(choices=CHOICES, widget=UnfoldAdminRadioSelectWidget)
    comment = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget,
        help_text="Why. Of a rejection the agent reads it, and so does the client.",
    )

    class Meta:
        model = Approval
        fields = ("decision", "comment")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "To be answered"), ("answered", "Answered")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_open = Q(decision="")
        return {"open": queryset.filter(is_open), "answered": queryset.exclude(is_open)}.get(
            self.value() or "", queryset
        )


@admin.register(Approval)
class ApprovalAdmin(Finding, Keyset):
    """What is asked is shown as it would be done; approving and rejecting are the only changes there are."""

    form = AnswerForm
    list_display = ("requested_at", "kind", "agent", "tool", "client", "of_task", "shown_state", "expires_at")
    list_filter = (StateFilter, "kind", ("agent", EachValue), ("tool", EachValue))
    list_select_related = ("task__client",)
    keyset = ("-id",)
    ids = ("task_id",)
    finds_clients = False
    search_help_text = "A task's id"
    asked: ClassVar[tuple[str, ...]] = (
        "of_task", "client", "agent", "kind", "tool", "shown_text", "requested_at", "expires_at", "on_timeout",
    )  # fmt: skip
    readonly_fields = asked

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Approval | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Approval | None = None) -> bool:
        return (obj is None or obj.is_open) and super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Approval | None = None) -> Any:
        told: tuple[str, ...] = ("decision", "comment")
        if obj is not None and not obj.is_open:
            told = ("shown_decision", "comment", "decided_by", "decider", "decided_at")
        return ((None, {"fields": self.asked}), ("Answer", {"fields": told}))

    def save_model(self, request: HttpRequest, obj: Approval, form: Any, change: bool) -> None:
        """Give the answer, and write down who gave it."""
        given = answering.Answer(
            obj.approval_id,
            form.cleaned_data["decision"],
            form.cleaned_data["comment"].strip(),
            Approval.By.OPERATOR,
            request.user.get_username(),
        )
        action = "approved" if given.decision == "approve" else "rejected"
        try:
            with transaction.atomic():
                before = audit.snapshot(Approval.objects.get(pk=obj.pk))
                answering.answer(obj.task_id, given)
                obj.refresh_from_db()
                audit.record(audit.operator(request), action, obj, before=before)
        except Conflict as error:
            messages.set_level(request, messages.ERROR)
            messages.error(request, f"Nothing was changed. {error.detail}")

    @display(description="Task")
    def of_task(self, approval: Approval) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:agents_task_change", args=[approval.task_id]), approval.task_id
        )

    @display(description="Client")
    def client(self, approval: Approval) -> str:
        return str(approval.task.client)

    @display(description="What it is about")
    def shown_text(self, approval: Approval) -> SafeString:
        """As a client or a model wrote it, escaped."""
        return format_html('<div class="written">{}</div>', approval.text)

    @display(description="Decision")
    def shown_decision(self, approval: Approval) -> str:
        return str(approval.get_decision_display())

    @display(description="State", label=STATES)
    def shown_state(self, approval: Approval) -> str:
        return approval.decision or "open"
