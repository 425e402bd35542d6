"""How a session with a server is opened: values that travel from the database to the event loop."""

from dataclasses import dataclass

from agentplatform import credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """One server. Two that are equal share a session; the credentials stay sealed until one is opened."""

    id: int
    name: str
    url: str
    command: str
    sealed: str
    connect_seconds: int
    call_seconds: int

    def credentials(self) -> dict[str, str]:
        """The headers, or the environment variables. Raises CannotOpen."""
        return credentials.opened(self.sealed)

    def secrets(self) -> list[str]:
        """What nothing that is shown may repeat: the values, and of one like `Bearer …` its last word as well."""
        values = self.credentials().values()
        return [*values, *(value.split()[-1] for value in values if value.split())]
