"""`manage.py resealcredentials`: encrypt all stored credentials under the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agentplatform import credentials
from agentplatform.sealed_field import sealed_columns


class Command(BaseCommand):
    """Safe to run at any time and again; each row is changed by itself, and only if nobody changed it meanwhile."""

    help = "Encrypt all stored credentials under the first of CREDENTIALS_KEYS, so that the others can be taken out."

    def handle(self, *_args: Any, **_options: Any) -> None:
        done, closed = 0, []
        for model, column in sealed_columns():
            for row in model._default_manager.exclude(**{column: ""}).iterator():
                sealed = getattr(row, column)
                try:
                    fresh = {column: credentials.resealed(sealed)}
                except credentials.CannotOpen:
                    closed.append(f"{model._meta.verbose_name} {row}")
                else:
                    done += model._default_manager.filter(pk=row.pk, **{column: sealed}).update(**fresh)
        self.stdout.write(f"Encrypted anew: {done}.")
        if closed:
            raise CommandError(
                f"None of CREDENTIALS_KEYS opens the credentials of: {', '.join(closed)}. Put the key back that they were "
                "stored under, or enter them anew in the console."
            )
