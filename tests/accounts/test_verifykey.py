"""`manage.py verifykey`."""

import sys
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import audit, keys, services
from accounts.models import ApiKey
from tests.api import Persona
from tests.outages import postgres_away

Verify = Callable[[str], str]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Run the command on this key; what it says, and never the key."""

    def run(secret: str) -> str:
        out = StringIO()
        monkeypatch.setattr(sys, "stdin", StringIO(f"{secret}\n"))
        try:
            call_command("verifykey", stdout=out)
            said = out.getvalue()
        except CommandError as error:
            said = f"refused: {error}"
        assert secret == "" or secret not in said
        return said

    return run


def test_it_says_what_a_key_is(verify: Verify, newcomer: Callable[..., Persona]) -> None:
    dora = newcomer(scopes=["execute", "read"], allowed_networks=["203.0.113.0/24"], requests=5)
    said = verify(dora.key)
    for line in (
        "well-formed: yes", f"known: yes, as {dora.api_key.prefix}…, “dora”", "state: active", "client: dora",
        "tier: premium", "scopes: execute, read", "agent types: all", "networks: 203.0.113.0/24", "expires: never",
        "requests of its own: 5",
    ):  # fmt: skip
        assert line in said.splitlines()


def test_a_key_that_does_not_work_is_an_error(verify: Verify, alice: Persona) -> None:
    services.revoke(ApiKey.objects.filter(pk=alice.api_key.pk), actor=audit.START)
    said = verify(alice.key)
    assert said.startswith("refused: well-formed: yes")
    assert "state: revoked" in said


GOOD = keys.make().secret


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (GOOD, "known: no"),
        (GOOD[:-1], "a key has the form ap_live_"),
        (f"{GOOD}0", "a key has the form ap_live_"),
        (f"{GOOD[:-6]}000000", "the checksum is wrong"),
        ("two words", "takes 1 to 512 visible ASCII characters"),
        ("", "There is no key on standard input"),
    ],
    ids=["unknown", "cut", "long", "mistyped", "other", "none"],
)
def test_it_says_what_is_wrong(verify: Verify, database: object, secret: str, expected: str) -> None:
    assert expected in verify(secret)


def test_the_database_away_is_one_line(verify: Verify, alice: Persona) -> None:
    with postgres_away():
        assert (
            verify(alice.key) == "refused: The database cannot be reached. Start it (make run), or check DATABASE_URL."
        )
