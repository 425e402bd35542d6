"""`manage.py lookupmcptools`: ask MCP servers for their tools."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.mcp_servers.looking_up import CannotLookUp, look_up
from agents.mcp_servers.models import McpServer


class Command(BaseCommand):
    """Does what the button “Look up tools” does; nothing is approved by it, unless a server's tools all are."""

    help = (
        "Ask the named MCP servers, or all active ones, for their tools. Changed tools wait for an operator's approval."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="name", help="a server's name; without one, all active servers")

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted: list[str] = options["names"]
        servers = McpServer.objects.filter(name__in=wanted) if wanted else McpServer.objects.filter(is_active=True)
        found = list(servers)
        if missing := sorted(set(wanted) - {server.name for server in found}):
            known = ", ".join(McpServer.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no MCP server {', '.join(missing)}; there are: {known}.")
        faults = 0
        for server in found:
            try:
                self.stdout.write(f"{server}: {look_up(server)}")
            except CannotLookUp as error:
                faults += 1
                self.stderr.write(f"{server}: {error}")
        if faults:
            raise CommandError(f"{faults} of {len(found)} servers could not be looked up.")
