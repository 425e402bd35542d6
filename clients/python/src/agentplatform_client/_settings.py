"""Where the platform is, who calls, and how patient the client is."""

import os
import platform
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agentplatform_client._version import __version__
from agentplatform_client.errors import ConfigurationError

URL_VARIABLE = "AGENTPLATFORM_URL"
KEY_VARIABLE = "AGENTPLATFORM_API_KEY"
HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Settings:
    """What a client was made with; checked, and safe to print."""

    base_url: str
    api_key: str = field(repr=False)
    timeout: float | None
    retry_for: float
    connect_for: float

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        return {
            "Authorization": f"Bearer {self.api_key}",
            "User-Agent": f"agentplatform-client/{__version__} python/{platform.python_version()}",
        }


def found(value: str | None, variable: str, meaning: str) -> str:
    """The argument, or else the environment's. Raises ConfigurationError when there is neither."""
    text = (os.environ.get(variable, "") if value is None else value).strip()
    if not text:
        raise ConfigurationError(f"No {meaning}: pass it to the client, or set {variable}.")
    return text


def checked_url(text: str) -> str:
    """The platform's address without a slash at its end. Raises ConfigurationError."""
    try:
        address = urlsplit(text)
        is_good = address.scheme in ("http", "https") and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        raise ConfigurationError(
            "The URL of the platform cannot be read; it looks like https://agents.example.com."
        ) from None
    if address.username or address.password:
        raise ConfigurationError("The URL of the platform takes no user name or password; the API key says who calls.")
    if not is_good or address.query or address.fragment:
        raise ConfigurationError(
            f"The URL of the platform cannot be {text!r}; it looks like https://agents.example.com."
        )
    return text.rstrip("/")


def checked_key(text: str) -> str:
    """The key. Raises ConfigurationError, which does not show it."""
    if not HEADER_VALUE.fullmatch(text):
        raise ConfigurationError(
            "The API key holds spaces, line breaks or characters beyond ASCII; it takes none of them."
        )
    return text
