"""`manage.py publishcode`: have a version of each agent of AGENT_MODULES published, as its module declares it now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.management.reachable import reachable_database
from agents.code import publication
from agents.code.declaring import registered


class Command(BaseCommand):
    """Safe to run at any time: what is declared as it is published already stays as it is."""

    help = "Publish the agents that the modules of AGENT_MODULES declare; a changed declaration becomes a new version."

    def handle(self, *_args: Any, **options: Any) -> None:
        with reachable_database():
            try:
                changed = publication.publish(registered().values(), actor=audit.START)
            except publication.CannotPublish as error:
                raise CommandError(f"AGENT_MODULES: {error}") from error
            gone = publication.gone()
        if options["verbosity"] == 0:
            return
        for version in changed:
            self.stdout.write(f"Published: {version}.")
        if gone:
            self.stdout.write(f"Their code is not here any more, so they take no tasks: {', '.join(gone)}.")
