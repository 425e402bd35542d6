"""`manage.py runplatform`: the whole platform in one terminal."""

import asyncio
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agentplatform import environment
from agentplatform.embedded.errors import EmbeddedError
from agentplatform.embedded.lifeline import die_with_parent
from agentplatform.embedded.ports import LOOPBACK, is_free, numeric
from agentplatform.supervisor.child import StartFailed
from agentplatform.supervisor.json_lines import JsonLines
from agentplatform.supervisor.plan import Plan
from agentplatform.supervisor.platform import Platform
from agentplatform.supervisor.stdout import to_stdout
from agentplatform.supervisor.terminal import Terminal


class Command(BaseCommand):
    """Starts stores, web server, worker and sweeper, watches them, and stops them with Ctrl-C."""

    help = (
        "Run the whole platform: PostgreSQL, Valkey and a local model where DATABASE_URL, REDIS_URL and "
        "OPENAI_API_KEY are unset, then the web server, a Celery worker and the sweeper."
    )
    requires_system_checks = ()  # each child makes its own

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port of the web server (PORT)")
        parser.add_argument(
            "--workers", type=int, default=settings.WEB_WORKERS, help="processes of the web server (WEB_WORKERS)"
        )
        parser.add_argument("--no-web", action="store_true", help="start no web server")
        parser.add_argument("--no-worker", action="store_true", help="start no Celery worker")
        parser.add_argument("--no-sweeper", action="store_true", help="start no sweeper")

    def handle(self, *_args: Any, **options: Any) -> None:
        die_with_parent(signal.SIGTERM)
        try:
            asyncio.run(_run(_plan(options)))
        except (EmbeddedError, StartFailed) as error:
            raise CommandError(str(error)) from error


def _plan(options: dict[str, Any]) -> Plan:
    if not 1 <= options["port"] <= 65_535:
        raise CommandError(f"--port: {options['port']} is out of range; it takes 1 to 65535.")
    if not 1 <= options["workers"] <= 256:
        raise CommandError(f"--workers: {options['workers']} is out of range; it takes 1 to 256.")
    needs_database = not environment.text("DATABASE_URL")
    return Plan(
        project_dir=settings.BASE_DIR,
        data_dir=settings.DATA_DIR,
        metrics_dir=Path(environment.text("PROMETHEUS_MULTIPROC_DIR", str(settings.DATA_DIR / "metrics"))).absolute(),
        host=LOOPBACK if options["no_web"] else _free_address(options["host"], options["port"]),
        port=options["port"],
        web_workers=options["workers"],
        has_web=not options["no_web"],
        has_worker=not options["no_worker"],
        has_sweeper=not options["no_sweeper"],
        needs_database=needs_database,
        needs_redis=not environment.text("REDIS_URL"),
        needs_model=settings.MODEL_IS_EMBEDDED,
        has_demo_key=needs_database and not settings.API_KEYS,
        makes_admin_password=not (settings.ADMIN_PASSWORD or settings.IN_PRODUCTION),
    )


def _free_address(host: str, port: int) -> str:
    try:
        address = numeric(host)
        is_taken = not is_free(address, port)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    if is_taken:
        raise CommandError(f"port {port} is taken; end what listens there, or choose another with PORT or --port.")
    return address


async def _run(plan: Plan) -> None:
    if sys.stdout.isatty():
        terminal = Terminal(to_stdout)
        await Platform(plan, terminal, terminal.tick).run()
    else:
        await Platform(plan, JsonLines(to_stdout)).run()
