"""`manage.py createapikey`."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, Client
from tests.api import Api
from tests.outages import postgres_away

pytestmark = pytest.mark.usefixtures("database")


def create(**options: Any) -> tuple[ApiKey, str]:
    """Run the command; the key it made, and what it said besides."""
    out, err = StringIO(), StringIO()
    call_command("createapikey", stdout=out, stderr=err, **options)
    secret = out.getvalue().removesuffix("\n")
    assert keys.PATTERN.fullmatch(secret), "stdout has the secret and nothing else"
    assert secret not in err.getvalue()
    return ApiKey.objects.select_related("client__tier").get(digest=keys.digest(secret)), err.getvalue()


def test_it_makes_client_and_key(api: Api) -> None:
    out = StringIO()
    call_command("createapikey", client="Acme", tier="premium", stdout=out, stderr=StringIO())
    headers = {"Authorization": f"Bearer {out.getvalue().strip()}"}
    answer = api.get("/agent/types", headers=headers)
    assert (answer.status_code, answer.headers["X-RateLimit-Limit"]) == (200, "2000")


def test_it_makes_one_more_key_of_a_client() -> None:
    first, _ = create(client="Acme", tier="premium")
    second, said = create(client="Acme", name="backend", expires="30d", requests=7, scopes="execute, read")
    assert first.client == second.client
    assert (second.name, second.requests, second.scopes) == ("backend", 7, ["execute", "read"])
    assert second.expires_at is not None
    assert timedelta(days=29) < second.expires_at - timezone.now() <= timedelta(days=30)
    assert said == f"Key {second.prefix}… of client Acme, tier premium; it is not shown again:\n"


def test_it_narrows_a_key() -> None:
    key, _ = create(
        client="Acme", tier="basic", networks="203.0.113.0/24, 2001:db8::/32", agent_types="writer", concurrency=2
    )
    assert (key.allowed_networks, key.allowed_agent_types) == (["203.0.113.0/24", "2001:db8::/32"], ["writer"])
    assert key.concurrency == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"client": "New"}, "--tier: client 'New' does not exist yet; name the tier to make it with."),
        ({"client": "New", "tier": "gold"}, "--tier: 'gold' does not exist; it takes basic, premium, unlimited."),
        ({"tier": "basic"}, "--tier: client 'Wonderland' has tier premium; change it in the admin."),
        ({"expires": "soon"}, "--expires: 'soon' is no expiry; it takes 12h, 30d"),
        ({"expires": "2020-01-31"}, "--expires: '2020-01-31' is over already"),
        ({"requests": 0}, "--requests: Ensure this value is greater than or equal to 1."),
        ({"requests": 200}, "--requests: The tier Premium allows 100; a key can only have less."),
        ({"scopes": "read,write"}, "--scopes: write is unknown; it takes execute, read, feedback, usage, keys."),
        ({"daily_requests": -5}, "--daily-requests: Ensure this value is greater than or equal to"),
        ({"tokens_per_minute": 10**12}, "--tokens-per-minute: Ensure this value is less than or equal to"),
        ({"networks": "10.0.0.0/33"}, "--networks: '10.0.0.0/33' is no network; it takes addresses and CIDR"),
        ({"agent_types": "writer,no slug"}, "--agent-types: 'no slug' is no agent type"),
        ({"name": "n" * 101}, "--name: Ensure this value has at most 100 characters"),
        ({"client": "n" * 101, "tier": "basic"}, "--client: Ensure this value has at most 100 characters"),
    ],
)
def test_it_says_what_is_wrong(options: dict[str, Any], message: str) -> None:
    before = ApiKey.objects.count(), Client.objects.count()
    with pytest.raises(CommandError) as error:
        create(**{"client": "Wonderland", **options})
    assert str(error.value).startswith(message)
    assert (ApiKey.objects.count(), Client.objects.count()) == before


def test_the_database_away_is_one_line() -> None:
    with postgres_away(), pytest.raises(CommandError, match=r"^The database cannot be reached"):
        create(client="Wonderland")
