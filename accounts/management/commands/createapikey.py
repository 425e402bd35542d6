"""`manage.py createapikey`: make a key; stdout has the secret alone, so `KEY=$(manage.py createapikey …)` works."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import services
from accounts.expiry import EXAMPLES, parsed_expiry
from accounts.management.reachable import reachable_database
from accounts.models import SCOPES, ApiKey, Client, Tier


class Command(BaseCommand):
    help = "Make an API key and print it, once. The client is made too when it does not exist."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--client", required=True, help="the client's name")
        parser.add_argument("--tier", help="the tier of a new client")
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument("--expires", metavar="WHEN", help=f"when the key ends: {EXAMPLES}")
        parser.add_argument("--requests", type=int, help="a limit narrower than the tier's, over the tier's window")
        parser.add_argument("--scopes", default="", help=f"comma-separated, of {', '.join(SCOPES)}; all when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        key = ApiKey(
            name=options["name"] or "command line",
            expires_at=_expiry(options["expires"]),
            requests=options["requests"],
            scopes=_scopes(options["scopes"]),
        )
        with reachable_database(), transaction.atomic():
            key.client = _client(options["client"], options["tier"])
            _check(key, {"name": "--name", "requests": "--requests"}, exclude={"client", "prefix", "digest"})
            secret = services.issue(key)
        about = f"Key {key.prefix}… of client {key.client}, tier {key.client.tier.slug}; it is not shown again:"
        self.stderr.write(about, self.style.SUCCESS)
        self.stdout.write(secret)


def _expiry(text: str | None) -> datetime | None:
    try:
        return parsed_expiry(text) if text else None
    except ValueError as error:
        raise CommandError(f"--expires: {error}") from error


def _scopes(text: str) -> list[str]:
    scopes = [scope.strip() for scope in text.split(",") if scope.strip()]
    if unknown := set(scopes).difference(SCOPES):
        raise CommandError(f"--scopes: {', '.join(sorted(unknown))} is unknown; it takes {', '.join(SCOPES)}.")
    return scopes


def _client(name: str, slug: str | None) -> Client:
    tier = Tier.objects.filter(slug=slug).first() if slug else None
    if slug and tier is None:
        known = ", ".join(Tier.objects.values_list("slug", flat=True)) or "no tier yet; run bootstrapaccounts first"
        raise CommandError(f"--tier: {slug!r} does not exist; it takes {known}.")
    client = Client.objects.filter(name=name).select_related("tier").first()
    if client is not None and tier is not None and client.tier != tier:
        raise CommandError(f"--tier: client {name!r} has tier {client.tier.slug}; change it in the admin.")
    if client is not None:
        return client
    if tier is None:
        raise CommandError(f"--tier: client {name!r} does not exist yet; name the tier to make it with.")
    client = Client(name=name, tier=tier)
    _check(client, {"name": "--client"}, exclude={"tier"})
    client.save()
    return client


def _check(made: ApiKey | Client, options: dict[str, str], *, exclude: set[str]) -> None:
    """Refuse what the model refuses, under the names of the options that fields come from."""
    try:
        made.clean_fields(exclude)
        made.clean()
    except ValidationError as error:
        faults = [f"{options[field]}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
        raise CommandError(" ".join(faults)) from error
