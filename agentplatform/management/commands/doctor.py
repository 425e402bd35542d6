"""`manage.py doctor`: look at each part the platform leans on, and say what is wrong and what to do about it."""

import json
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from agentplatform.doctor import examining
from agentplatform.doctor.findings import Examined, Level, worst


class Command(BaseCommand):
    help = "Look at settings, stores, processes, limits, money and tasks; say what is wrong, and what to do."
    requires_system_checks = ()  # it tells of them itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "checks", nargs="*", metavar="CHECK", help=f"some only: {', '.join(settings.DOCTOR_CHECKS)}"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead")
        parser.add_argument("--mend", action="store_true", help="apply the remedies that are safe at any time")

    def handle(self, *args: Any, **options: Any) -> None:
        if unknown := set(options["checks"]) - set(settings.DOCTOR_CHECKS):
            raise CommandError(
                f"There is no check {', '.join(sorted(unknown))}; there are {', '.join(settings.DOCTOR_CHECKS)}."
            )
        examined = []
        for one in examining.examine(options["checks"]):
            examined.append(one)
            if not options["json"]:
                self._tell(one)
        if options["json"]:
            self.stdout.write(json.dumps(_plain(examined), indent=2))
        if options["mend"]:
            for name in dict.fromkeys(found.remedy for one in examined for found in one.findings if found.remedy):
                self.stderr.write(examining.remedy(name))
        if (level := worst(examined)) == Level.PROBLEM:
            raise CommandError(level.verdict)
        if not options["json"]:
            self.stdout.write(level.verdict)

    def _tell(self, examined: Examined) -> None:
        paint = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.PROBLEM: self.style.ERROR}
        for number, found in enumerate(examined.findings):
            name = examined.name if number == 0 else ""
            self.stdout.write(f"{paint[found.level](f'{found.level.word:8}')} {name:10} {found.said}")
            if found.advice:
                self.stdout.write(f"{'':20}→ {found.advice}")


def _plain(examined: list[Examined]) -> dict[str, Any]:
    checks = {
        one.name: {
            "level": one.level.word,
            "seconds": round(one.seconds, 3),
            "findings": [
                {"level": found.level.word, "said": found.said, "advice": found.advice, "remedy": found.remedy}
                for found in one.findings
            ],
        }
        for one in examined
    }
    return {"level": worst(examined).word, "checks": checks}
