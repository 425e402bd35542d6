"""`manage.py verifykey`: what a key is, without showing it. It is read from standard input, or asked for."""

import getpass
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management import BaseCommand, CommandError

from accounts import keys
from accounts.management.reachable import reachable_database
from accounts.models import LIMITS, ApiKey
from accounts.rights import Rights


class Command(BaseCommand):
    help = "Say what a key is: well-formed, known, its state, client, tier and rights. Reads it from standard input."

    def handle(self, *args: Any, **options: Any) -> None:
        secret = (getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
        if not secret:
            raise CommandError("There is no key on standard input; it takes one line: manage.py verifykey < key.txt")
        if not keys.is_wellformed(secret):
            raise CommandError(_malformed(secret))
        with reachable_database():
            key = ApiKey.objects.select_related("client__tier", "successor").filter(digest=keys.digest(secret)).first()
        if key is None:
            raise CommandError("well-formed: yes\nknown: no, not on this platform with this API_KEY_PEPPER")
        lines = "\n".join(f"{name}: {value}" for name, value in _facts(key))
        if key.state != "active" or not key.client.is_active:
            raise CommandError(lines)
        self.stdout.write(lines)


def _malformed(secret: str) -> str:
    if not secret.startswith(keys.START):
        return "well-formed: no; a key of the operator's own making takes 1 to 512 visible ASCII characters"
    if keys.PATTERN.fullmatch(secret) is None:
        return f"well-formed: no; a key has the form {keys.PATTERN.pattern}"
    return "well-formed: no; the checksum is wrong, so a character was mistyped or left out"


def _facts(key: ApiKey) -> Iterator[tuple[str, str]]:
    rights = Rights.of(key)
    yield "well-formed", "yes"
    yield "known", f"yes, as {key.prefix}…, “{key.name}”"
    yield "state", key.state if key.client.is_active else f"{key.state}, but its client is switched off"
    yield "client", key.client.name
    yield "tier", key.client.tier.slug
    yield "scopes", ", ".join(sorted(rights.scopes))
    yield "agent types", ", ".join(sorted(rights.agent_types)) or "all"
    yield "networks", ", ".join(rights.networks) or "all"
    yield "expires", f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}" if key.expires_at else "never"
    yield "last used", f"{key.last_used_at:%Y-%m-%dT%H:%M:%SZ}" if key.last_used_at else "never"
    if key.successor:
        yield "rotated", f"its successor is {key.successor.prefix}…"
    for column in LIMITS:
        if (most := getattr(key, column)) is not None:
            yield f"{column.replace('_', ' ')} of its own", str(most)
