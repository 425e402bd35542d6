"""`manage.py clearlimits`: have clients' limits count from zero again."""

import asyncio
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from redis.asyncio import Redis

from accounts.management.reachable import reachable_database
from accounts.models import Client
from agentplatform import redis as platform_redis


class Command(BaseCommand):
    help = "Forget the calls that were counted against limits, of one client or of all. No budget changes."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--client", help="the client's name")
        chosen.add_argument("--all", action="store_true", help="every client")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = "" if options["all"] else f"{{{_client(options['client']).pk}}}"
        try:
            cleared = asyncio.run(platform_redis.attempt(lambda redis: _clear(redis, f"limit:{owner}*")))
        except platform_redis.Away as error:
            raise CommandError("REDIS_URL: Redis does not answer, so nothing was cleared.") from error
        whose = "every client" if options["all"] else f"client {options['client']}"
        self.stdout.write(f"The limits of {whose} count from zero ({cleared} cleared).")


def _client(name: str) -> Client:
    with reachable_database():
        client = Client.objects.filter(name=name).first()
    if client is None:
        raise CommandError(f"--client: there is no client {name!r}; the console lists them under Access.")
    return client


async def _clear(redis: Redis, names: str) -> int:
    cleared = 0
    async for name in redis.scan_iter(match=platform_redis.key(names), count=1000):
        cleared += await redis.unlink(name)
    return cleared
