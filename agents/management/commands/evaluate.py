"""`manage.py evaluate AGENT DATA_SET`: run a version on a data set, wait, and tell by the exit code whether it passes."""

import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from agents.evals import gate, running
from agents.evals.models import DataSet, Run
from agents.models import AgentVersion

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Run a version of an agent on one of its data sets and wait for the end; workers do the tasks. Prints what fails and "
        "what got worse, and exits with 1 when fewer cases pass than have to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent", help="the agent's slug")
        parser.add_argument("data_set", help="the data set's name, such as Regressions")
        parser.add_argument(
            "--agent-version", type=int, metavar="NUMBER", help="the version's number (default: the newest)"
        )

    def handle(self, *_: Any, agent: str, data_set: str, agent_version: int | None, **__: Any) -> None:
        cases = DataSet.objects.select_related("agent").filter(agent__slug=agent, name=data_set).first()
        if cases is None:
            there = ", ".join(DataSet.objects.filter(agent__slug=agent).values_list("name", flat=True)) or "none"
            raise CommandError(f"{agent} has no data set “{data_set}”; there are: {there}.")
        versions = AgentVersion.objects.select_related("agent").filter(agent=cases.agent).order_by("-number")
        version = versions.filter(**({} if agent_version is None else {"number": agent_version})).first()
        if version is None:
            raise CommandError(f"{agent} has no version {agent_version}.")
        try:
            run = self._finished(running.start(cases, version, actor=audit.command_line()))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self._tell(run)
        if run.status != Run.Status.FINISHED or run.passed * 100 < cases.pass_percent * run.total:
            raise CommandError(f"{run.passed} of {run.total} cases pass; {cases.pass_percent} % have to.", returncode=1)
        self.stdout.write(f"{run.passed} of {run.total} cases pass.")

    def _finished(self, run: Run) -> Run:
        shown = -1
        try:
            while run.status == Run.Status.RUNNING:
                running.advance()
                run.refresh_from_db()
                if (ended := run.passed + run.failed) != shown:
                    self.stderr.write(f"{ended} of {run.total} have ended, {run.failed} failed")
                    shown = ended
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            running.stop(run, actor=audit.command_line())
            raise CommandError("The run is stopped.") from None
        return run

    def _tell(self, run: Run) -> None:
        before = gate.published_run(run.data_set)
        lost = gate.worse(run, before) if before and before.pk != run.pk else []
        for outcome in run.outcomes.filter(state="failed"):
            why = " ".join(found["why"] for found in outcome.findings if not found["holds"])
            self.stdout.write(f"✗ {outcome.name}{' (worse)' if outcome.name in lost else ''}: {why}")
