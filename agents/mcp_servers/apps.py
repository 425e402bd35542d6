"""The app's registration with Django; from then on its tools can be offered."""

from django.apps import AppConfig


class McpServersConfig(AppConfig):
    name = "agents.mcp_servers"
    verbose_name = "MCP servers"

    def ready(self) -> None:
        """Have the registry read the tools that operators approved."""
        from agents.mcp_servers import source
        from agents.tools import registry

        registry.add_source(source.read)
