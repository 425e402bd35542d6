"""MCP servers and their tools in the console."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from agents.mcp_servers import looking_up
from agents.mcp_servers.forms import McpServerForm
from agents.mcp_servers.models import McpServer, McpTool
from agents.toolsets.admin import CannotLookUp, ToolsetAdmin, ToolsetToolAdmin


@admin.register(McpServer)
class McpServerAdmin(ToolsetAdmin):
    form = McpServerForm
    list_display = ("name", "place", "is_active", "offered_count", "waiting_count", "looked_up_at")
    look_up_is = (
        "The platform connects to the server, or starts its command, with the credentials that are stored, asks for its tools, "
        "and closes the connection again."
    )
    conditional_fields: ClassVar[dict[str, str]] = {
        "url": "transport == 'http'",
        "http_headers": "transport == 'http'",
        "command": "transport == 'stdio'",
        "variables": "transport == 'stdio'",
    }
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "is_active")}),
        ("Connection", {"fields": ("transport", "url", "command", ("connect_seconds", "call_seconds"))}),
        ("Credentials", {"fields": ("stored_credentials", "http_headers", "variables", "forget_credentials")}),
        ("Tools", {"fields": ("approves_all", "shown_look_up", "tools_table")}),
    )

    def looked_up(self, toolset: Any) -> str:
        try:
            return str(looking_up.look_up(toolset))
        except looking_up.CannotLookUp as error:
            raise CannotLookUp(str(error)) from error

    @display(description="place")
    def place(self, server: McpServer) -> str:
        return server.url or server.command


@admin.register(McpTool)
class McpToolAdmin(ToolsetToolAdmin):
    list_display: ClassVar[Any] = ("name", "server", "shown_state", "shown_effect", "short_description")
    list_filter: ClassVar[Any] = ("state", "server")
    list_select_related = ("server",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("server", *super().get_readonly_fields(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, first), *others = self.fieldsets
        return ((title, {"fields": ("server", *first["fields"])}), *others)
