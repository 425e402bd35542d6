"""What the person who started the platform needs next: addresses, a key, the console's password, a line to paste."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

EXAMPLE_TASK = "Explain in two sentences what an API is."


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Everything that is printed once the platform is ready."""

    seconds: float
    status: str
    links: Mapping[str, str]
    api_key: str | None = None
    admin_password: str | None = None
    curl: str | None = None


def links(base_url: str) -> dict[str, str]:
    """The pages a person may open, by what they show."""
    return {
        "platform": f"{base_url}/",
        "docs": f"{base_url}/docs",
        "redoc": f"{base_url}/redoc",
        "admin": f"{base_url}/admin/",
        "metrics": f"{base_url}/metrics",
        "health": f"{base_url}/health",
    }


def curl(base_url: str, key: str) -> str:
    """A command line that runs a task when pasted into a shell; `key` may be a shell variable such as `$KEY`."""
    body = json.dumps({"task": EXAMPLE_TASK})
    return (
        f"curl -s {base_url}/agent/execute"
        f' -H "Authorization: Bearer {key}" -H "Content-Type: application/json"'
        f" -d '{body}'"
    )
