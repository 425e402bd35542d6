"""Deliveries in the operators' console: what was told to whom, and what could not be."""

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display

from accounts.admin.read_only import ReadOnly
from agents.webhooks import deliveries
from agents.webhooks.models import Delivery

STATE_COLOURS = {"pending": "info", "delivered": "success", "failed": "danger"}


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("created_at", "kind", "client", "url", "shown_state", "attempts", "status_code", "next_attempt_at")
    list_filter = ("state", "kind")
    list_select_related = ("client",)
    search_fields = ("=id", "=task__id")
    search_help_text = "A delivery's or a task's id"
    show_full_result_count = False
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
