"""`manage.py setprice`: say what a model costs, from now on or from a later moment."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.expiry import EXAMPLES, parsed_expiry
from accounts.management.reachable import reachable_database
from accounts.money.management.commands.setbudget import checked, usd
from accounts.money.models import Price


class Command(BaseCommand):
    help = "Set a model's price per million tokens in US dollars; it goes before the list price. 0 means free."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="the model's name, as agents name it")
        parser.add_argument("--input", required=True, metavar="USD", help="for a million tokens sent")
        parser.add_argument("--output", required=True, metavar="USD", help="for a million tokens answered")
        parser.add_argument(
            "--from", dest="valid_from", metavar="WHEN", help=f"from when on: {EXAMPLES}; now when left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        valid_from = timezone.now()
        if options["valid_from"]:
            try:
                valid_from = parsed_expiry(options["valid_from"])
            except ValueError as error:
                raise CommandError(f"--from: {error}") from error
        price = Price(
            model=options["model"].strip(),
            input_usd=usd(options["input"], "--input"),
            output_usd=usd(options["output"], "--output"),
            valid_from=valid_from,
        )
        with reachable_database(), transaction.atomic():
            checked(price, {"input_usd": "--input", "output_usd": "--output", "valid_from": "--from"})
            price.save()
            audit.record(audit.command_line(), "created", price)
        self.stdout.write(f"{price}, per million tokens, from {price.valid_from:%Y-%m-%d %H:%M} UTC")
