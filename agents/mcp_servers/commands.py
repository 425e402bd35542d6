"""Which addresses and commands a server may have. A command runs as the platform's user, so the deployment permits each."""

import shlex
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError


def check(command: str) -> None:
    """Raise ValidationError for a command that is none, or that MCP_STDIO_COMMANDS does not permit."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValidationError({"command": "It cannot be taken apart into words: a quotation mark is open."}) from error
    if not words:
        raise ValidationError({"command": "Name the command that starts the server, such as uvx mcp-server-time."})
    if not is_permitted(command):
        permitted = ", ".join(settings.MCP_STDIO_COMMANDS) or "none"
        raise ValidationError(
            {
                "command": "The setting MCP_STDIO_COMMANDS of this installation does not permit this command. "
                f"It permits: {permitted}."
            }
        )


def is_permitted(command: str) -> bool:
    """Whether the command begins with the words of one that the setting names."""
    try:
        words = shlex.split(command)
        permitted = [shlex.split(entry) for entry in settings.MCP_STDIO_COMMANDS]
    except ValueError:
        return False
    return any(entry and words[: len(entry)] == entry for entry in permitted)


def check_url(url: str) -> None:
    """Raise ValidationError for what is no URL of a server."""
    needed = ValidationError({"url": "A URL is needed, such as https://mcp.example.com/mcp."})
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError as error:
        raise needed from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise needed
    if parts.username or parts.password:
        raise ValidationError({"url": "Leave user and password out of the URL: credentials have a place of their own."})
