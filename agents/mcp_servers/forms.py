"""The form of an MCP server."""

import re
from typing import ClassVar

from django.core.exceptions import ValidationError

from agents.mcp_servers.models import McpServer
from agents.toolsets import headers
from agents.toolsets.forms import ToolsetForm, credentials_field, named_values

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# These say what code a program loads, so they would run more than MCP_STDIO_COMMANDS permits.
LOADING = re.compile(
    r"(LD|DYLD|PYTHON|NODE|NPM|UV|PIP|RUBY|GEM|BUNDLE|PERL|JAVA|_JAVA|JDK|BASH|GCONV|GLIBC|GIT|DOTNET|DENO|BUN)(_.*)?"
    r"|PYTHON.*|PERL5.*|RUBY.*|PATH|HOME|ENV|IFS|SHELL|SHELLOPTS|BASHOPTS|CLASSPATH|TMPDIR",
    re.IGNORECASE,
)


class McpServerForm(ToolsetForm):
    endpoint: ClassVar[tuple[str, ...]] = ("transport", "url", "command")

    http_headers = credentials_field(
        "One a line, such as Authorization: Bearer …. They are stored encrypted and never shown again; empty keeps what is "
        "stored."
    )
    variables = credentials_field(
        "Environment variables of the command, one a line, such as GITHUB_TOKEN=…. Stored and kept in the same way."
    )

    class Meta:
        model = McpServer
        fields: ClassVar = [
            "name", "transport", "url", "command", "is_active", "approves_all", "connect_seconds", "call_seconds",
        ]  # fmt: skip

    def new_credentials(self) -> dict[str, str] | None:
        """Headers for a server over HTTP, variables for a command. Raises ValidationError."""
        is_command = self.cleaned_data.get("transport") == McpServer.Transport.STDIO
        mine, other = ("variables", "http_headers") if is_command else ("http_headers", "variables")
        if self.cleaned_data.get(other):
            told = (
                "A command takes variables, not headers."
                if is_command
                else "A server over HTTP takes headers, not variables."
            )
            raise ValidationError({other: told})
        text: str = self.cleaned_data.get(mine, "")
        if not text.strip():
            return None
        try:
            return named_values(text, "=", _variable_fault) if is_command else named_values(text, ":", headers.fault)
        except ValidationError as error:
            raise ValidationError({mine: error}) from error


def _variable_fault(name: str, value: str) -> str:
    if not VARIABLE.fullmatch(name):
        return "a variable's name takes letters, digits and underscores, such as GITHUB_TOKEN."
    if LOADING.fullmatch(name):
        return f"{name} says what code a program loads, which is the deployment's to say."
    return "" if value.isprintable() else f"the value of {name} has a character that cannot be printed."
