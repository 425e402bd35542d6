"""The console's pages of toolsets and their tools, as far as all kinds are alike."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from accounts import audit
from accounts.admin.audit import Audited
from agents.toolsets import approving
from agents.toolsets.listing import fingerprint
from agents.toolsets.models import Toolset, ToolsetTool

State = ToolsetTool.State
STATE_COLOURS = {
    "new": "info", "approved": "success", "to be approved again": "warning", "cannot be offered": "danger", "gone": "danger",
}  # fmt: skip
EFFECT_COLOURS = {"pure": "success", "idempotent": "info", "unsafe": "warning"}
SHOWN = {State.CHANGED: "to be approved again", State.UNFIT: "cannot be offered"}


class CannotLookUp(Exception):
    """The toolset cannot be asked for its tools. The message is for operators."""


class ToolsetAdmin(Audited):
    """One toolset: how it is reached, and its tools. Its name is fixed: agents' versions name its tools by it."""

    search_fields = ("name",)
    list_filter = ("is_active",)
    actions_detail: ClassVar[list[str]] = ["look_up"]
    look_up_is: ClassVar[str] = ""
    """What the button does, for the page that asks."""

    def looked_up(self, toolset: Any) -> str:
        """Look the tools up and keep them; gives what changed. Raises CannotLookUp."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        offered = Count("tools", filter=Q(tools__state=State.APPROVED))
        found: QuerySet[Any] = super().get_queryset(request).annotate(offered=offered, waiting=Count("tools") - offered)
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        shown = ("stored_credentials", "shown_look_up", "tools_table")
        return (*shown, "name") if obj else shown

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.has_new_endpoint:
            withdrawn = approving.withdraw(obj.tools.all(), audit.operator(request))
            if withdrawn:
                text = f"Its tools come from elsewhere now: {len(withdrawn)} approvals were taken back. Look them up again."
                self.message_user(request, text, messages.WARNING)

    @action(description="Look up tools", url_path="look-up", permissions=["look_up"])
    def look_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what will be done, then do it."""
        toolset = self.get_object(request, object_id)
        back = redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", object_id)
        if toolset is None:
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        if request.method == "POST":
            try:
                self.message_user(request, self.looked_up(toolset), messages.SUCCESS)
            except CannotLookUp as error:
                self.message_user(request, str(error), messages.ERROR)
            return back
        context = {
            **self.admin_site.each_context(request),
            "title": f"Look up the tools of {toolset}",
            "opts": self.opts,
            "explanation": self.look_up_is,
        }
        return TemplateResponse(request, "agents/look_up.html", context)

    def has_look_up_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.is_active and request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    @display(description="offered")
    def offered_count(self, toolset: Any) -> int:
        return int(toolset.offered)

    @display(description="not offered")
    def waiting_count(self, toolset: Any) -> int:
        return int(toolset.waiting)

    @display(description="Stored credentials")
    def stored_credentials(self, toolset: Toolset) -> str:
        return toolset.credentials_told

    @display(description="Last look-up")
    def shown_look_up(self, toolset: Toolset) -> SafeString | str:
        if toolset.looked_up_at is None:
            return "Never: use the button “Look up tools”."
        at = f"{toolset.looked_up_at:%Y-%m-%d %H:%M} UTC"
        return format_html('{}<div class="written">{}</div>', at, toolset.fault)

    @display(description="Tools")
    def tools_table(self, toolset: Any) -> SafeString | str:
        tools = list(toolset.tools.all()) if toolset.pk else []
        if not tools:
            return "None yet."
        name = f"admin:{self.opts.app_label}_{tools[0]._meta.model_name}"
        rows = (
            (
                reverse(f"{name}_change", args=[tool.pk]),
                tool.name,
                shown_state(tool),
                tool.effect,
                tool.description[:120],
            )
            for tool in tools
        )
        line = '<tr><th><a href="{}">{}</a></th><td>{}</td><td>{}</td><td>{}</td></tr>'
        url = f"{reverse(f'{name}_changelist')}?{toolset.tools.field.name}__id__exact={toolset.pk}"
        return format_html(
            '<table class="changes">{}</table><p><a href="{}">Approve several of them</a></p>',
            format_html_join("", line, rows), url,
        )  # fmt: skip


class ToolForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    """The operator's word on a tool. `shown` names what the page shows, so that nothing else is approved by it."""

    shown = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        fields = ("own_effect",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["shown"] = fingerprint(self.instance.content)


class ToolsetToolAdmin(ModelAdmin):
    """One tool: what models would be told of it, and whether they are."""

    form = ToolForm
    list_display: ClassVar[Any] = ("name", "shown_state", "shown_effect", "short_description")
    list_filter: ClassVar[Any] = ("state",)
    search_fields = ("name", "description")
    actions = ("approve_chosen", "withdraw_chosen")
    actions_submit_line: ClassVar[list[str]] = ["approve", "withdraw"]
    readonly_fields = (
        "name",
        "remote_name",
        "shown_state",
        "shown_told_effect",
        "shown_description",
        "shown_parameters",
    )
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "remote_name", "shown_state", "shown_description", "shown_parameters")}),
        ("Effect", {"fields": ("shown_told_effect", "own_effect", "shown")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool((obj is None or obj.state == State.GONE) and super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> Any:
        return {name: chosen for name, chosen in super().get_actions(request).items() if name != "delete_selected"}

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep the operator's word alone: a look-up may be writing the rest. Then do what the pressed button says."""
        tool = type(obj).objects.select_for_update().get(pk=obj.pk)
        before = audit.snapshot(tool)
        tool.own_effect = obj.own_effect
        tool.save()
        audit.record(audit.operator(request), "changed", tool, before=before)
        for pressed in self.get_actions_submit_line(request, tool.pk):
            if pressed.action_name in request.POST:
                pressed.method(request, tool)

    @action(description="Save and approve", permissions=["approve"])
    def approve(self, request: HttpRequest, obj: Any) -> None:
        if request.POST.get("shown") != fingerprint(obj.content):
            self.message_user(request, "It has changed while you looked at it. Look again.", messages.ERROR)
        elif approving.approve([obj], audit.operator(request)):
            self.message_user(request, f"{obj} is approved; agents that name it are offered it within seconds.")
        else:
            self.message_user(request, f"{obj} is {shown_state(obj)}; nothing was approved.", messages.WARNING)

    @action(description="Save and take the approval back", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, obj: Any) -> None:
        if approving.withdraw([obj], audit.operator(request)):
            self.message_user(request, f"{obj} is not offered any more.")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """For a list, or for a tool of which an approval would change something."""
        is_due = object_id is None or self._is_in(object_id, State.NEW, State.CHANGED)
        return is_due and self.has_change_permission(request)

    def has_withdraw_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """For a list, or for a tool that has an approval."""
        is_due = object_id is None or self._is_in(object_id, State.APPROVED, State.CHANGED)
        return is_due and self.has_change_permission(request)

    def _is_in(self, object_id: Any, *states: str) -> bool:
        is_id = str(object_id).isdecimal()
        return is_id and bool(self.model._default_manager.filter(pk=object_id, state__in=states).exists())

    @admin.action(description="Approve those that are new", permissions=["approve"])
    def approve_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        approved = approving.approve(queryset.filter(state=State.NEW), audit.operator(request))
        changed = queryset.filter(state=State.CHANGED).count()
        note = f" {changed} that changed have to be looked at one by one." if changed else ""
        self.message_user(request, f"{len(approved)} of the chosen tools approved.{note}")

    @admin.action(description="Take approvals back", permissions=["approve"])
    def withdraw_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        withdrawn = approving.withdraw(queryset, audit.operator(request))
        self.message_user(request, f"{len(withdrawn)} of the chosen tools are not offered any more.")

    @display(description="state", label=STATE_COLOURS, ordering="state")
    def shown_state(self, tool: ToolsetTool) -> str:
        return shown_state(tool)

    @display(description="effect", label=EFFECT_COLOURS)
    def shown_effect(self, tool: ToolsetTool) -> str:
        return tool.effect

    @display(description="as its toolset tells")
    def shown_told_effect(self, tool: ToolsetTool) -> SafeString | str:
        return beside(tool, "effect", tool.told_effect)

    @display(description="description")
    def short_description(self, tool: ToolsetTool) -> str:
        return tool.fault or tool.description[:120]

    @display(description="description")
    def shown_description(self, tool: ToolsetTool) -> SafeString | str:
        shown = beside(tool, "description", tool.description)
        return format_html("{}<p><strong>{}</strong></p>", shown, tool.fault) if tool.fault else shown

    @display(description="arguments")
    def shown_parameters(self, tool: ToolsetTool) -> SafeString | str:
        return beside(tool, "parameters", tool.parameters)


def shown_state(tool: ToolsetTool) -> str:
    """The state in words."""
    return SHOWN.get(State(tool.state), tool.state)


def beside(tool: ToolsetTool, name: str, now: Any) -> SafeString:
    """What it is now; beside it what was approved, where that was something else."""
    approved = (tool.approved or {}).get(name)
    if tool.approved is None or approved == now:
        return format_html('<div class="{}"><div class="written">{}</div></div>', _look(now), _written(now))
    return format_html(
        '<table class="changes {}"><tr><th>approved</th><td class="written">{}</td></tr>'
        '<tr><th>now</th><td class="written">{}</td></tr></table>',
        _look(now),
        _written(approved), _written(now),
    )  # fmt: skip


def _look(value: Any) -> str:
    """JSON in letters of one width."""
    return "" if isinstance(value, str) else "journal"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
