"""`manage.py settingsreference`: write the lists of settings anew."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agentplatform import environment, settings_reference


class Command(BaseCommand):
    """Writes `.env.example` and `docs/settings.md`; with --check, only says which of them is stale."""

    help = "Write .env.example and docs/settings.md from the settings that agentplatform/settings.py declares."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; end with an error when one is stale")

    def handle(self, *_args: Any, **options: Any) -> None:
        for path, content in settings_reference.files(environment.declared.values()).items():
            file = settings.BASE_DIR / path
            if file.is_file() and file.read_text() == content:
                continue
            if options["check"]:
                raise CommandError(f"{path} is stale; `make docs` writes it anew.")
            file.write_text(content)
            self.stdout.write(f"Wrote {path}.")
