"""HTTP APIs and their operations in the console."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.http_apis import looking_up
from agents.http_apis.forms import HttpApiForm
from agents.http_apis.models import HttpApi, HttpOperation
from agents.toolsets.admin import CannotLookUp, ToolsetAdmin, ToolsetToolAdmin, beside


@admin.register(HttpApi)
class HttpApiAdmin(ToolsetAdmin):
    form = HttpApiForm
    list_display = ("name", "title", "base_url", "is_active", "offered_count", "waiting_count", "looked_up_at")
    look_up_is = "The platform reads the document again, which it fetches anew where the API has a URL of it."
    conditional_fields: ClassVar[dict[str, str]] = {
        "credential_name": "scheme == 'header' || scheme == 'query'",
        "user": "scheme == 'basic'",
        "secret": "scheme != 'none'",
    }
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "title", "is_active")}),
        ("Document", {"fields": ("pasted", "uploaded", "document_url", "shown_document")}),
        ("Calls", {"fields": ("base_url", "call_seconds", "idempotency_header")}),
        (
            "Credentials",
            {
                "fields": (
                    "asks_for", "stored_credentials", "scheme", "credential_name", ("user", "secret"), "forget_credentials",
                )
            },
        ),
        ("Tools", {"fields": ("approves_all", "shown_look_up", "tools_table")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("document")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("title", "asks_for", "shown_document", *super().get_readonly_fields(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With a document that was entered, its operations are kept at once."""
        super().save_model(request, obj, form, change)
        if form.read is not None:
            self.message_user(request, str(looking_up.keep(obj, form.text, form.read)))

    def looked_up(self, toolset: Any) -> str:
        try:
            return str(looking_up.look_up(toolset))
        except looking_up.CannotLookUp as error:
            raise CannotLookUp(str(error)) from error

    @display(description="stored document")
    def shown_document(self, api: HttpApi) -> SafeString | str:
        if not api.document:
            return "None yet."
        return format_html(
            "<details><summary>{} characters</summary><div class=\"written\">{}</div></details>",
            f"{len(api.document):,}", api.document[:20_000],
        )  # fmt: skip


@admin.register(HttpOperation)
class HttpOperationAdmin(ToolsetToolAdmin):
    list_display: ClassVar[Any] = ("name", "request_line", "api", "shown_state", "shown_effect", "short_description")
    list_filter: ClassVar[Any] = ("state", "api")
    list_select_related = ("api",)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    "api",
                    "name",
                    "remote_name",
                    "shown_state",
                    "shown_description",
                    "shown_parameters",
                    "shown_details",
                )
            },
        ),
        ("Effect", {"fields": ("shown_told_effect", "own_effect", "shown")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("api", "shown_details", *super().get_readonly_fields(request, obj))

    @display(description="request")
    def request_line(self, tool: HttpOperation) -> str:
        return f"{tool.details.get('method', '')} {tool.details.get('path', '')}"[:80]

    @display(description="request")
    def shown_details(self, tool: HttpOperation) -> SafeString:
        return beside(tool, "details", tool.details)
