"""`manage.py removesecondfactor NAME`: for an operator whose phone and recovery codes are lost."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError, CommandParser

from accounts import audit, second_factor


class Command(BaseCommand):
    help = "Have an operator's password alone let in, until another app is set up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the operator's name")

    def handle(self, *_: Any, name: str, **__: Any) -> None:
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no operator {name}.")
        if not second_factor.has_one(user):
            raise CommandError(f"{name} has no second factor.")
        second_factor.remove(user, actor=audit.command_line())
        self.stdout.write(f"{name}'s second factor was removed.")
