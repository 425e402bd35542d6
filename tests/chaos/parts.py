"""The platform's own processes with two additions: the harness's tools, and crash points. No product code knows of either.

granian … tests.chaos.parts:application
celery -A tests.chaos.parts worker …
python -m tests.chaos.parts runsweeper      (and any other management command)
python -m tests.chaos.parts operate         (the operator, who decides what is asked in the console)
"""

import os
import select
import sys
import time
from pathlib import Path

from agentplatform.embedded.lifeline import die_with_parent

die_with_parent()  # first, as in agentplatform/asgi.py
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentplatform.settings")

import django  # noqa: E402  # after the environment

from tests.chaos import crash_points  # noqa: E402


def _sleep(seconds: float, /) -> None:
    select.select((), (), (), seconds)


if "FAKETIME" in os.environ:
    # libfaketime moves the ends of sleeps, which Python names by the monotonic clock; select takes lengths.
    vars(time)["sleep"] = _sleep

control = os.environ.get(crash_points.CONTROL)
points = crash_points.install(Path(control)) if control else None
django.setup(set_prefix=False)

from tests.chaos import operator, tools  # noqa: E402  # Django must be set up first

tools.register()
if points:
    crash_points.watch_messages(points)

from agentplatform.celery import app  # noqa: E402, F401  # `celery -A` looks for it here

if os.environ.get("CHAOS_PART", "").startswith("web"):
    from agentplatform.asgi import application  # noqa: F401  # granian looks for it here


def publish_agents() -> None:
    """Make the agents that the workload calls: `solo` has the tools, `boss` plans and has solos answer the parts."""
    from agents.models import Agent, AgentVersion

    common = {"status": AgentVersion.Status.PUBLISHED, "instructions": "Do what the task says.", "cache_seconds": 0}
    solo, _ = Agent.objects.get_or_create(slug="solo")
    boss, _ = Agent.objects.get_or_create(slug="boss")
    AgentVersion.objects.get_or_create(
        agent=solo, number=1, defaults={**common, "description": "Works alone.", "tools": ["look", "put", "pay"]}
    )
    AgentVersion.objects.get_or_create(
        agent=boss,
        number=1,
        defaults={**common, "description": "Has others work.", "strategy": "plan", "delegates": ["solo"]},
    )


def main(arguments: list[str]) -> None:
    """Run a management command with these additions."""
    from django.core.management import execute_from_command_line

    if arguments == ["operate"]:
        operator.operate()
    execute_from_command_line(["manage.py", *arguments])
    if arguments == ["bootstrap"]:
        publish_agents()


if __name__ == "__main__":
    main(sys.argv[1:])
