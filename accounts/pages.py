"""The page about keys: their form for secret scanners, and how clients manage their own."""

from typing import Any

from rest_framework.request import Request

from accounts import keys
from agentplatform.docs import PageView


class KeysPage(PageView):
    """What an API key looks like, how to check one without us, and what to do when one leaks."""

    template = "accounts/keys.html"

    def context(self, request: Request) -> dict[str, Any]:
        known = {"pattern": keys.PATTERN.pattern, "alphabet": keys.ALPHABET, "example": _example()}
        return super().context(request) | known


def _example() -> str:
    """A key that nobody has, with its true checksum."""
    body = f"{keys.START}Example0_{'Example' * 6}0"
    return f"{body}_{keys.checksum(body)}"
