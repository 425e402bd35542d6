"""The app's registration with Django."""

from django.apps import AppConfig
from django.conf import settings

from agentplatform import environment


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Import the modules that declare agents as code: in every process, before it does anything."""
        from agents.code import loading

        try:
            loading.load(settings.AGENT_MODULES)
        except loading.BadModule as error:
            environment.refuse("AGENT_MODULES", str(error))
