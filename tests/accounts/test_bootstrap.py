"""What a fresh database is filled with."""

from dataclasses import replace
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts import bootstrap, keys
from accounts.models import ApiKey, Client, Tier
from tests.api import Api
from tests.fixtures import World
from tests.outages import postgres_away

pytestmark = pytest.mark.usefixtures("database")


def find(secret: str) -> ApiKey:
    return ApiKey.objects.select_related("client__tier").get(digest=keys.digest(secret))


@pytest.fixture
def empty(database: World) -> None:
    ApiKey.objects.all().delete()
    Client.objects.all().delete()
    Tier.objects.all().delete()
    User.objects.all().delete()


def test_the_shipped_tiers(empty: None, settings: Settings) -> None:
    settings.DEFAULT_RATE_LIMIT, settings.RATE_LIMIT_WINDOW = 12, 30
    assert bootstrap.fill() == ["tier basic created", "tier premium created", "tier unlimited created"]
    rows = Tier.objects.values_list("slug", "requests", "window_seconds")
    assert list(rows) == [("basic", 12, 30), ("premium", 100, 60), ("unlimited", None, 60)]


def test_what_operators_changed_stays(settings: Settings) -> None:
    settings.API_KEYS, settings.ADMIN_PASSWORD = ["first-key"], "a long enough password"
    bootstrap.fill()
    Tier.objects.filter(slug="basic").update(requests=3)
    ApiKey.objects.filter(digest=keys.digest("first-key")).update(is_active=False, name="renamed")
    Client.objects.filter(pk=find("first-key").client.pk).update(tier=Tier.objects.get(slug="premium"))
    settings.ADMIN_PASSWORD = "another long password"
    assert bootstrap.fill() == []
    assert Tier.objects.get(slug="basic").requests == 3
    key = find("first-key")
    assert (key.is_active, key.name, key.client.tier.slug) == (False, "renamed", "premium")
    assert User.objects.get(username="admin").check_password("a long enough password")


def test_each_key_gets_a_client_of_its_own(api: Api, settings: Settings) -> None:
    made = keys.make()
    settings.API_KEYS = [
        "plain",
        "with-tier:premium",
        "with:colon:unlimited",
        made.secret,
        "plain",
        "with-tier:premium",
    ]
    assert len(bootstrap.fill()) == 4
    tiers = {secret: find(secret).client.tier.slug for secret in ("plain", "with-tier", "with:colon", made.secret)}
    assert tiers == {"plain": "basic", "with-tier": "premium", "with:colon": "unlimited", made.secret: "basic"}
    assert len({find(secret).client.name for secret in tiers}) == 4
    assert find(made.secret).prefix == made.prefix
    assert find("plain").prefix == find("plain").client.name
    for secret in tiers:
        assert api.get("/agent/types", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["good", "secret-key:gold"], "API_KEYS: entry 2 names a tier that does not exist; it takes basic, premium, unlimited."),
        (["secret-key:"], "API_KEYS: entry 1 names a tier that does not exist; it takes basic, premium, unlimited."),
        (["secret key"], "API_KEYS: entry 1 cannot be a key; "),
        ([":premium"], "API_KEYS: entry 1 cannot be a key; "),
        (["ap_live_secret"], "API_KEYS: entry 1 cannot be a key; "),
        (["secret-key", "secret-key:premium"], "API_KEYS: entry 2 repeats a key with another tier; "),
    ],
)  # fmt: skip
def test_a_wrong_entry_ends_the_start_with_one_line(
    empty: None, settings: Settings, entries: list[str], message: str
) -> None:
    settings.API_KEYS = entries
    with pytest.raises(SystemExit) as end:
        call_command("bootstrapaccounts")
    line = str(end.value.code)
    assert line.startswith(message)
    assert "\n" not in line
    assert "secret" not in line
    assert not Tier.objects.exists()


@pytest.mark.parametrize(
    ("is_embedded", "entries", "is_there"), [(True, [], True), (True, ["another"], False), (False, [], False)]
)
def test_the_demo_key_is_for_the_embedded_run_alone(
    settings: Settings, is_embedded: bool, entries: list[str], is_there: bool
) -> None:
    embedded = replace(settings.EMBEDDED, database_url=settings.DATABASE_URL if is_embedded else None)
    settings.EMBEDDED, settings.API_KEYS = embedded, entries
    bootstrap.fill()
    assert ApiKey.objects.filter(digest=keys.digest("demo-key-123"), is_active=True).exists() == is_there


def test_the_demo_key_goes_when_api_keys_come_and_returns_with_them_gone(settings: Settings) -> None:
    settings.EMBEDDED = replace(settings.EMBEDDED, database_url=settings.DATABASE_URL)
    states = []
    for entries in ([], ["another"], []):
        settings.API_KEYS = entries
        bootstrap.fill()
        states.append(find("demo-key-123").state)
    assert states == ["active", "inactive", "active"]
    assert find("demo-key-123").client.name == "demo"
    assert find("demo-key-123").client.tier.slug == "basic"


def test_the_first_operator(settings: Settings) -> None:
    User.objects.all().delete()
    assert bootstrap.fill() == []
    settings.ADMIN_PASSWORD = "a long enough password"
    assert bootstrap.fill() == ["operator admin created"]
    operator = User.objects.get(username="admin")
    assert operator.is_superuser
    assert operator.check_password("a long enough password")


def test_the_command_tells_what_it_did_and_no_secret(settings: Settings) -> None:
    settings.API_KEYS = ["some-key:premium"]
    out = StringIO()
    call_command("bootstrapaccounts", stdout=out)
    name = find("some-key").client.name
    assert out.getvalue() == f"key {name} of API_KEYS created, tier premium\n"
    out = StringIO()
    call_command("bootstrapaccounts", stdout=out)
    assert out.getvalue() == "accounts are complete already\n"


def test_the_database_away_is_one_line() -> None:
    with postgres_away(), pytest.raises(CommandError, match=r"^The database cannot be reached"):
        call_command("bootstrapaccounts")
