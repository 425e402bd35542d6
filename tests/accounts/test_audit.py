"""Who changed what."""

from io import StringIO
from typing import Any

import django.test
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from accounts import keys
from accounts.models import ApiKey, AuditEntry, Client, Tier
from tests.api import Persona
from tests.fixtures import World
from tests.personas import OPERATOR


def entries(**fields: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [(entry.actor, entry.action, entry.changes) for entry in AuditEntry.objects.filter(**fields).order_by("pk")]


def test_an_operators_changes_are_written_down(operator: django.test.Client, alice: Persona) -> None:
    tier = Tier.objects.get(slug="premium")
    fields = {"name": "Premium", "requests": "250", "window_seconds": "60", "daily_requests": "9000"}
    assert operator.post(f"/admin/accounts/tier/{tier.pk}/change/", fields).status_code == 302
    changes = {"requests": [100, 250], "daily_requests": [None, 9000]}
    assert entries(subject_id=str(tier.pk), action="changed") == [(OPERATOR, "changed", changes)]
    client = alice.client
    blank = {f"{name}-{part}_FORMS": "0" for name in ("budgets", "keys") for part in ("TOTAL", "INITIAL")}
    basic = Tier.objects.get(slug="basic")
    operator.post(f"/admin/accounts/client/{client.pk}/change/", {"name": client.name, "tier": basic.pk, **blank})
    assert entries(subject_id=str(client.pk)) == [
        (OPERATOR, "changed", {"tier": ["Premium", "Basic"], "is_active": [True, False]})
    ]


def test_a_save_that_changes_nothing_is_no_change(operator: django.test.Client) -> None:
    tier = Tier.objects.get(slug="premium")
    before = AuditEntry.objects.count()
    fields = {"name": "Premium", "requests": "100", "window_seconds": "60"}
    assert operator.post(f"/admin/accounts/tier/{tier.pk}/change/", fields).status_code == 302
    assert AuditEntry.objects.count() == before


def test_a_removed_tier_stays_on_record(operator: django.test.Client) -> None:
    tier = Tier.objects.create(slug="trial", name="Trial", requests=3)
    operator.post(f"/admin/accounts/tier/{tier.pk}/delete/", {"post": "yes"})
    ((actor, action, changes),) = entries(subject_kind="tier", action="deleted")
    assert (actor, action, changes["slug"], changes["requests"]) == (OPERATOR, "deleted", ["trial", None], [3, None])


def test_keys_are_on_record_without_their_secrets(operator: django.test.Client, alice: Persona) -> None:
    key = alice.api_key
    operator.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [str(key.pk)]})
    ((actor, action, changes),) = entries(subject_id=str(key.pk))
    assert (actor, action) == (OPERATOR, "revoked")
    assert changes["is_active"] == [True, False]
    assert changes["revoked_at"][0] is None
    everything = str([vars(entry) for entry in AuditEntry.objects.all()])
    assert alice.key.split("_")[3] not in everything
    assert keys.digest(alice.key).hex() not in everything


def test_a_keys_own_doings_are_on_record_with_the_request(newcomer: Any) -> None:
    dora = newcomer(scopes=["keys"])
    answer = dora.post("/account/keys", json={"name": "made"}, headers={"X-Request-ID": "req-17"})
    entry = AuditEntry.objects.get(subject_id=answer.json()["id"])
    assert (entry.actor_kind, entry.actor, entry.action) == ("key", f"dora: {dora.api_key.prefix}", "created")
    assert entry.request_id == "req-17"


def test_commands_are_on_record(database: World) -> None:
    call_command("createapikey", client="Acme", tier="basic", stdout=StringIO(), stderr=StringIO())
    client, key = Client.objects.get(name="Acme"), ApiKey.objects.get(client__name="Acme")
    for subject in (client, key):
        entry = AuditEntry.objects.get(subject_id=str(subject.pk))
        assert (entry.actor_kind, entry.action) == ("command", "created")
    assert AuditEntry.objects.filter(actor_kind="start", subject_kind="tier").count() == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET actor = 'somebody else'",
        "DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry",
    ],
)
def test_nothing_is_changed_or_removed(database: World, statement: str) -> None:
    before = AuditEntry.objects.count()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == before > 0


def test_the_console_shows_it_and_changes_nothing(operator: django.test.Client, alice: Persona) -> None:
    key = alice.api_key
    operator.post("/admin/accounts/apikey/", {"action": "deactivate", "_selected_action": [str(key.pk)]})
    entry = AuditEntry.objects.get(subject_id=str(key.pk))
    page = operator.get("/admin/accounts/auditentry/", {"q": key.prefix, "action": "switched off"}).text
    assert "is_active: True → False" in page
    url = f"/admin/accounts/auditentry/{entry.pk}/"
    assert key.prefix in operator.get(f"{url}change/").text
    assert operator.post(f"{url}change/", {"actor": "me"}).status_code == 403
    assert operator.post(f"{url}delete/", {"post": "yes"}).status_code == 403
    assert operator.get("/admin/accounts/auditentry/add/").status_code == 403
