"""URLs that an operator enters."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError


def checked_url(field: str, url: str) -> None:
    """Raise ValidationError, at the field, for what is no URL of a server."""
    needed = ValidationError({field: "A URL is needed, such as https://example.com/v1."})
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError as error:
        raise needed from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise needed
    if parts.username or parts.password:
        raise ValidationError({field: "Leave user and password out of the URL: credentials have a place of their own."})
