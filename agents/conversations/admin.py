"""Conversations in the operators' console: to read, and to delete for good."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts import audit
from accounts.admin.filters import ClientFilter
from accounts.admin.finding import Finding
from accounts.admin.keyset import Keyset
from accounts.admin.read_only import ReadOnly
from agentplatform.errors import Conflict, NotFound
from agents.conversations import forgetting
from agents.conversations.models import Conversation, Turn

NEWEST = 100


@admin.register(Conversation)
class ConversationAdmin(Finding, Keyset, ReadOnly):
    """What was said; whatever a client or a model wrote is escaped."""

    list_display = ("conversation_id", "client", "agent_type", "turns", "summarised", "last_used_at", "created_at")
    list_select_related = ("client",)
    keyset = ("-last_used_at", "-id")
    list_filter = (ClientFilter,)
    ids = ("conversation_id",)
    search_help_text = "A conversation's id, or a client's name"
    actions = None  # one by one: nobody counts the rows, so nobody would know what “all” are
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("conversation_id", "client"),
                    ("agent_type", "turns"),
                    ("created_at", "last_used_at"),
                    "tasks",
                )
            },
        ),
        ("Summary", {"fields": ("shown_summary",)}),
        ("Turns, newest first", {"fields": ("said",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        return Conversation.objects.select_related("client").defer("summary")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(ModelAdmin.has_delete_permission(self, request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What Django would list one by one, all turns among it, as numbers."""
        chosen = list(objs)
        counted = {"conversations": len(chosen), "turns": sum(each.turns for each in chosen)}
        return [f"{each} of {each.client}" for each in chosen], counted, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            shown: HttpResponse = super().delete_view(request, object_id, extra_context)
        except (Conflict, NotFound) as refusal:
            messages.error(request, f"Nothing was deleted. {refusal.detail}")
            return HttpResponseRedirect(reverse("admin:conversations_conversation_changelist"))
        return shown

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        """As a client's own DELETE, written down without a word of what was said."""
        with transaction.atomic():
            forgetting.delete(obj.client_id, obj.conversation_id)
            known = {"id": str(obj.conversation_id), "client": str(obj.client), "turns": obj.turns}
            audit.record(audit.operator(request), "deleted", obj, before=known)

    @display(description="its tasks")
    def tasks(self, conversation: Conversation) -> SafeString:
        found = f"{reverse('admin:agents_task_changelist')}?q={conversation.conversation_id}"
        return format_html('<a href="{}">Tasks of this conversation</a>', found)

    @display(description="of the older turns")
    def shown_summary(self, conversation: Conversation) -> SafeString:
        told = f"(turns 1 to {conversation.summarised})\n{conversation.summary}" if conversation.summary else "–"
        return format_html('<div class="written">{}</div>', told)

    @display(description="what was said")
    def said(self, conversation: Conversation) -> SafeString:
        turns = Turn.objects.filter(conversation=conversation).order_by("-number")[:NEWEST]
        told = ((turn.number, turn.role, f"{turn.at:%Y-%m-%d %H:%M:%S}", turn.content) for turn in turns)
        line = '<details open><summary>{} · {} · {}</summary><div class="written">{}</div></details>'
        shown = format_html('<div class="journal">{}</div>', format_html_join("", line, told))
        if conversation.turns <= NEWEST:
            return shown
        return format_html("{}<p>The newest {} of {} turns.</p>", shown, NEWEST, conversation.turns)
