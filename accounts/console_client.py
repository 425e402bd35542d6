"""The client that the console itself works for: what operators try out is theirs, and no client's to see or to pay."""

from accounts.models import Client, Tier

NAME = "Operators' console"
TIER = "console"


def console_client() -> Client:
    """The console's own client, made when it is first needed; without limits, unless an operator sets some."""
    tier, _ = Tier.objects.get_or_create(slug=TIER, defaults={"name": "Console"})
    client, _ = Client.objects.get_or_create(name=NAME, defaults={"tier": tier})
    return client
