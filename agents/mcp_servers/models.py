"""MCP servers, and their tools."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.mcp_servers import commands
from agents.mcp_servers.spec import ServerSpec
from agents.toolsets.models import Toolset, ToolsetTool
from agents.toolsets.urls import checked_url


class McpServer(Toolset):
    """How one server is reached. Its credentials are headers over HTTP, and environment variables for a command."""

    class Transport(models.TextChoices):
        HTTP = "http", "Streamable HTTP"
        STDIO = "stdio", "A command on this machine (stdio)"

    transport = models.CharField(max_length=8, choices=Transport, default=Transport.HTTP)
    url = models.CharField("URL", max_length=500, blank=True, help_text="Such as https://mcp.example.com/mcp.")
    command = models.CharField(
        max_length=1000,
        blank=True,
        help_text="With its arguments, as in a shell: uvx mcp-server-time. MCP_STDIO_COMMANDS has to permit it.",
    )
    connect_seconds = models.PositiveSmallIntegerField(
        "time-out of the start",
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text="Seconds that it may take to connect and to list its tools.",
    )

    class Meta(Toolset.Meta):
        verbose_name = "MCP server"

    def clean(self) -> None:
        """Raise ValidationError for what cannot be connected to."""
        super().clean()
        if self.transport == self.Transport.STDIO:
            if self.url:
                raise ValidationError({"url": "A command has no URL; leave it empty."})
            commands.check(self.command)
        else:
            if self.command:
                raise ValidationError({"command": "A server over HTTP has no command; leave it empty."})
            checked_url("url", self.url)

    @property
    def spec(self) -> ServerSpec:
        """What a session is opened by."""
        return ServerSpec(
            id=self.pk,
            name=self.name,
            url=self.url,
            command=self.command,
            sealed=self.sealed,
            connect_seconds=self.connect_seconds,
            call_seconds=self.call_seconds,
        )


class McpTool(ToolsetTool):
    """One tool of a server."""

    server = models.ForeignKey(McpServer, models.CASCADE, related_name="tools", editable=False)

    class Meta(ToolsetTool.Meta):
        verbose_name = "MCP tool"
        constraints = (models.UniqueConstraint(fields=("server", "remote_name"), name="mcp_tool_of_server"),)

    @property
    def toolset(self) -> Any:
        return self.server
