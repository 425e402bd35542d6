"""How an API is called: values that travel from the database to the event loop."""

from dataclasses import dataclass

from agentplatform import credentials
from agents.http_apis.authentication import Additions, additions


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSpec:
    """One API. The credentials stay sealed until a call is made."""

    name: str
    base_url: str
    scheme: str
    credential_name: str
    sealed: str
    idempotency_header: str
    call_seconds: int

    def additions(self) -> Additions:
        """What the credentials add to a request. Raises CannotOpen."""
        return additions(self.scheme, self.credential_name, credentials.opened(self.sealed))
