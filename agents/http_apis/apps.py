"""The app's registration with Django; from then on its tools can be offered."""

from django.apps import AppConfig


class HttpApisConfig(AppConfig):
    name = "agents.http_apis"
    verbose_name = "HTTP APIs"

    def ready(self) -> None:
        """Have the registry read the operations that operators approved."""
        from agents.http_apis import source
        from agents.tools import registry

        registry.add_source(source.read)
