"""Deliveries in the operators' console: what was told to whom, and what could not be."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display

from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from accounts.admin.read_only import ReadOnly
from agents.models import Task
from agents.webhooks import deliveries
from agents.webhooks.models import Delivery

STATE_COLOURS = {"pending": "info", "delivered": "success", "failed": "danger"}


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ends = [f"task.{status}" for status in Task.FINAL]
        return [(kind, kind) for kind in (*ends, "approval.requested")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(Finding, Keyset, ReadOnly):
    list_display = ("created_at", "kind", "client", "url", "shown_state", "attempts", "status_code", "next_attempt_at")
    list_filter = ("state", KindFilter)
    list_select_related = ("client",)
    ids = ("id", "task_id")
    search_help_text = "A delivery's or a task's id, or a client"
    fields = (
        ("id", "kind"),
        ("client", "task"),
        "url",
        ("shown_state", "attempts", "status_code"),
        "fault",
        ("created_at", "next_attempt_at", "delivered_at"),
    )
    actions = ("send_again",)
    actions_detail: ClassVar[list[str]] = ["send_this_again"]

    @display(description="State", label=STATE_COLOURS)
    def shown_state(self, delivery: Delivery) -> str:
        return delivery.state

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        number = deliveries.send_again(queryset)
        messages.success(request, f"{number} {'delivery is' if number == 1 else 'deliveries are'} sent again.")

    @action(description="Send again", url_path="send-again", permissions=["send"])
    def send_this_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.send_again(request, Delivery.objects.filter(pk=object_id))
        return redirect(reverse("admin:webhooks_delivery_change", args=[object_id]))

    def has_send_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.is_active and request.user.has_perm("webhooks.change_delivery")
