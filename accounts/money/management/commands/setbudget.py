"""`manage.py setbudget`: make a client's or a key's budget, or change it."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit
from accounts.management.reachable import reachable_database
from accounts.models import ApiKey, Client
from accounts.money.models import Budget


class Command(BaseCommand):
    help = "Set how much a client, or one of its keys, may spend in a period."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--client", required=True, help="the client's name")
        parser.add_argument("--key", metavar="PREFIX", help="the prefix of one key; all keys together when left out")
        parser.add_argument("--period", choices=Budget.Period.values, default=Budget.Period.MONTH)
        parser.add_argument("--limit", metavar="USD", help="US dollars, such as 25 or 0.50")
        parser.add_argument("--soft", action="store_true", help="refuse nothing, but give an alert when more is spent")
        parser.add_argument("--off", action="store_true", help="let the budget rest; it keeps its figures")

    def handle(self, *args: Any, **options: Any) -> None:
        with reachable_database(), transaction.atomic():
            budget = _budget(_client(options["client"]), options)
            before = audit.snapshot(budget) if budget.pk else {}
            if options["limit"] is not None:
                budget.limit_usd = usd(options["limit"], "--limit")
            elif budget.pk is None:
                raise CommandError("--limit: there is no such budget yet; name the US dollars to make it with.")
            budget.is_active = not options["off"]
            checked(budget, {"limit_usd": "--limit", "api_key": "--key"})
            budget.save()
            audit.record(audit.command_line(), "changed" if before else "created", budget, before=before)
        state = "hard" if budget.is_hard else "soft"
        self.stdout.write(
            f"{budget.client}: ${budget.limit_usd:f} {budget.period}, {state if budget.is_active else 'off'}"
        )


def usd(text: str, option: str) -> Decimal:
    """The amount. Raises CommandError."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise CommandError(f"{option}: {text!r} is no amount; it takes US dollars, such as 25 or 0.50.")
    return amount


def checked(made: Any, options: dict[str, str]) -> None:
    """Refuse what the model refuses, under the names of the options that fields come from. Raises CommandError."""
    try:
        made.full_clean()
    except ValidationError as error:
        faults = [f"{options.get(name, name)}: {' '.join(said)}" for name, said in error.message_dict.items()]
        raise CommandError(" ".join(faults)) from error


def _client(name: str) -> Client:
    found = Client.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"--client: there is no client {name!r}.")
    return found


def _budget(client: Client, options: dict[str, Any]) -> Budget:
    key = None
    if options["key"]:
        key = ApiKey.objects.filter(client=client, prefix=options["key"]).first()
        if key is None:
            raise CommandError(f"--key: client {client.name!r} has no key that begins with {options['key']!r}.")
    kind: dict[str, Any] = {
        "client": client,
        "api_key": key,
        "period": options["period"],
        "is_hard": not options["soft"],
    }
    return Budget.objects.filter(**kind).first() or Budget(**kind)
