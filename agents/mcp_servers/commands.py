"""Which commands a server may have. A command runs as the platform's user, so the deployment permits each."""

import shlex

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
