"""`manage.py createapikey`: make a key; stdout has the secret alone, so `KEY=$(manage.py createapikey …)` works."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit, services
from accounts.expiry import EXAMPLES, parsed_expiry
from accounts.management.reachable import reachable_database
from accounts.models import LIMITS, SCOPES, ApiKey, Client, Tier


class Command(BaseCommand):
    help = "Make an API key and print it, once. The client is made too when it does not exist."
    requires_system_checks = ()  # they load every view, which takes longer than the command itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--client", required=True, help="the client's name")
        parser.add_argument("--tier", help="the tier of a new client")
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument("--expires", metavar="WHEN", help=f"when the key ends: {EXAMPLES}")
        parser.add_argument("--requests", type=int, help="a limit narrower than the tier's, over the tier's window")
        parser.add_argument("--tokens-per-minute", type=int, help="the same for tokens in and out, in any 60 s")
        parser.add_argument("--concurrency", type=int, help="the same for tasks at once")
        parser.add_argument("--daily-requests", type=int, help="the same for requests of a day (UTC)")
        parser.add_argument("--agent-types", default="", help="comma-separated slugs; all when left out")
        parser.add_argument("--networks", default="", help="comma-separated, such as 203.0.113.0/24; all when left out")
        parser.add_argument(
            "--scopes", default="", help=f"comma-separated, of {', '.join(SCOPES)}; all but keys when left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key = ApiKey(
            name=options["name"] or "command line",
            expires_at=_expiry(options["expires"]),
            scopes=_words(options["scopes"]),
            allowed_agent_types=_words(options["agent_types"]),
            allowed_networks=_words(options["networks"]),
            **{column: options[column] for column in LIMITS},
        )
        with reachable_database(), transaction.atomic():
            key.client = _client(options["client"], options["tier"])
            _check(key, exclude={"client", "prefix", "digest"})
            secret = services.issue(key, actor=audit.command_line())
        about = f"Key {key.prefix}… of client {key.client}, tier {key.client.tier.slug}; it is not shown again:"
        self.stderr.write(about, self.style.SUCCESS)
        self.stdout.write(secret)


def _expiry(text: str | None) -> datetime | None:
    try:
        return parsed_expiry(text) if text else None
    except ValueError as error:
        raise CommandError(f"--expires: {error}") from error


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


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
    _check(client, exclude={"tier"})
    client.save()
    audit.record(audit.command_line(), "created", client)
    return client


def _check(made: ApiKey | Client, *, exclude: set[str]) -> None:
    """Refuse what the model refuses, under the names of the options that fields come from."""
    try:
        made.clean_fields(exclude)
        made.clean()
    except ValidationError as error:
        faults = [f"{_option(made, field)}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
        raise CommandError(" ".join(faults)) from error


def _option(made: ApiKey | Client, field: str) -> str:
    if isinstance(made, Client):
        return "--client"
    return f"--{field.removeprefix('allowed_').replace('_', '-')}"
