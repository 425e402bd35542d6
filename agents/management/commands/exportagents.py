"""`manage.py exportagents`: agents as YAML, to keep, to review, and to bring to another installation."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.management.reachable import reachable_database
from agents.exchange import writing
from agents.models import Agent


class Command(BaseCommand):
    help = "Write agents as YAML: the published version of each, or all versions. manage.py importagents reads it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="which agents; all when none is named")
        parser.add_argument("--all-versions", action="store_true", help="drafts and retired versions too")
        parser.add_argument(
            "--output", metavar="FILE", help="a file, which is written anew; standard output when left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with reachable_database():
            agents = list(Agent.objects.filter(slug__in=options["slugs"]) if options["slugs"] else Agent.objects.all())
            if missing := sorted(set(options["slugs"]) - {agent.slug for agent in agents}):
                there_are = ", ".join(Agent.objects.values_list("slug", flat=True)) or "none"
                raise CommandError(f"There is no agent {', '.join(missing)}; there are: {there_are}.")
            export = writing.written(agents, all_versions=options["all_versions"])
        for slug, reason in export.left_out:
            self.stderr.write(f"Left out: {slug}. {reason}")
        if not options["output"]:
            self.stdout.write(export.text, ending="")
            return
        _write(Path(options["output"]), export.text)
        self.stdout.write(f"{export.count} agents are written to {options['output']}.")


def _write(path: Path, text: str) -> None:
    """The whole file or none."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise CommandError(f"--output: {path} cannot be written: {error.strerror}.") from error
