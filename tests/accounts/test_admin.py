"""Accounts in the operators' console."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import django.test
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.core import serializers
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, Client, Tier
from tests.api import Persona
from tests.fixtures import Logs, World

KEYS = "/admin/accounts/apikey/"


def form(owner: Client, **fields: Any) -> dict[str, Any]:
    blank = {"requests": "", "allowed_agent_types": "", "expires_at_0": "", "expires_at_1": ""}
    return {"client": str(owner.pk), "name": "backend", **blank, **fields}


def secret_in(page: str) -> str:
    found = set(keys.PATTERN.finditer(page))
    assert len(found) == 1, "the page shows the secret exactly once"
    return found.pop()[0]


@pytest.fixture
def wonderland(database: World) -> Client:
    return Client.objects.get(name="Wonderland")


def test_a_new_keys_secret_is_shown_once_and_kept_nowhere(
    operator: django.test.Client, wonderland: Client, logs: Logs
) -> None:
    answer = operator.post(f"{KEYS}add/", form(wonderland, scopes=["execute", "read"], requests="5"))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret = secret_in(answer.text)
    key = ApiKey.objects.get(digest=keys.digest(secret))
    assert (key.client, key.name, key.requests, key.scopes) == (wonderland, "backend", 5, ["execute", "read"])
    random_part = secret.split("_")[3]
    for page in (KEYS, f"{KEYS}{key.pk}/change/", f"{KEYS}{key.pk}/history/", "/admin/"):
        assert random_part not in operator.get(page).text
    kept = [*ApiKey.objects.all(), *LogEntry.objects.all(), *Client.objects.all()]
    assert random_part not in serializers.serialize("json", kept)
    assert not any(random_part in str(session.get_decoded()) for session in Session.objects.all())
    assert random_part not in logs.text
    assert random_part not in str(operator.cookies)


def test_the_key_made_works_at_once(operator: django.test.Client, wonderland: Client, alice: Persona) -> None:
    secret = secret_in(operator.post(f"{KEYS}add/", form(wonderland)).text)
    assert alice.get("/agent/types", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"expires_at_0": "2020-01-31", "expires_at_1": "00:00:00"}, "This is in the past"),
        ({"requests": "0"}, "greater than or equal to 1"),
        ({"requests": "-1"}, "greater than or equal to"),
        ({"requests": "101"}, "The tier Premium allows 100; a key can only have less."),
        ({"requests": "1e9"}, "Enter a whole number."),
        ({"scopes": ["everything"]}, "everything is not one of the available choices"),
        ({"allowed_agent_types": "writer, not a slug"}, "is no agent type; it takes slugs such as writer."),
        ({"allowed_networks": "10.0.0.0/33"}, "is no network; it takes addresses and CIDR"),
        ({"daily_requests": "-5"}, "greater than or equal to"),
        ({"tokens_per_minute": "99999999999"}, "less than or equal to"),
        ({"name": ""}, "This field is required."),
        ({"client": ""}, "This field is required."),
    ],
)
def test_the_form_says_what_is_wrong(
    operator: django.test.Client, wonderland: Client, fields: dict[str, Any], message: str
) -> None:
    before = ApiKey.objects.count()
    answer = operator.post(f"{KEYS}add/", form(wonderland, **fields))
    assert answer.status_code == 200
    assert message in answer.text
    assert ApiKey.objects.count() == before


def test_a_keys_facts_can_be_changed_but_not_its_owner(
    operator: django.test.Client, alice: Persona, charlie: Persona
) -> None:
    url = f"{KEYS}{alice.api_key.pk}/change/"
    fields = form(charlie.client, name="renamed", scopes=["read"], allowed_agent_types="writer, general,writer")
    assert operator.post(url, fields).status_code == 302
    key = alice.api_key
    assert (key.name, key.scopes, key.allowed_agent_types) == ("renamed", ["read"], ["general", "writer"])
    assert key.client.name == "Wonderland"
    page = operator.get(url).text
    assert "general, writer" in page
    assert key.prefix in page
    assert keys.digest(alice.key).hex() not in page


def test_an_expired_key_can_be_renamed(operator: django.test.Client, alice: Persona) -> None:
    over = (timezone.now() - timedelta(days=1)).replace(microsecond=0)
    ApiKey.objects.filter(pk=alice.api_key.pk).update(expires_at=over)
    fields = form(alice.client, name="old", expires_at_0=f"{over:%Y-%m-%d}", expires_at_1=f"{over:%H:%M:%S}")
    assert operator.post(f"{KEYS}{alice.api_key.pk}/change/", fields).status_code == 302
    assert (alice.api_key.name, alice.api_key.expires_at) == ("old", over)


def act(operator: django.test.Client, action: str, *chosen: Persona) -> str:
    fields = {"action": action, "_selected_action": [str(persona.api_key.pk) for persona in chosen]}
    answer = operator.post(KEYS, fields, follow=True)
    assert answer.status_code == 200
    return answer.text


def test_revoking_is_for_good(operator: django.test.Client, alice: Persona, bob: Persona) -> None:
    assert "2 of the chosen keys revoked." in act(operator, "revoke", alice, bob)
    assert (alice.api_key.state, bob.api_key.state) == ("revoked", "revoked")
    assert alice.get("/agent/types").json()["code"] == "invalid_key"
    revoked_at = alice.api_key.revoked_at
    assert "0 of the chosen keys switched on." in act(operator, "reactivate", alice)
    assert "0 of the chosen keys revoked." in act(operator, "revoke", alice)
    assert (alice.api_key.state, alice.api_key.revoked_at) == ("revoked", revoked_at)
    url = f"{KEYS}{alice.api_key.pk}/change/"
    assert operator.get(url).status_code == 200
    assert operator.post(url, form(alice.client, name="renamed")).status_code == 403
    assert LogEntry.objects.filter(object_id=str(alice.api_key.pk), change_message="Key revoked.").count() == 1


def test_switching_off_is_until_switched_on(operator: django.test.Client, alice: Persona, bob: Persona) -> None:
    assert "1 of the chosen keys switched off." in act(operator, "deactivate", alice)
    assert (alice.api_key.state, bob.api_key.state) == ("inactive", "active")
    assert alice.get("/agent/types").status_code == 401
    assert "1 of the chosen keys switched on." in act(operator, "reactivate", alice, bob)
    assert alice.api_key.state == "active"


def test_a_key_is_rotated_once_and_both_work_for_the_overlap(operator: django.test.Client, alice: Persona) -> None:
    url = f"{KEYS}{alice.api_key.pk}/rotate/"
    assert "gets a successor with the same rights" in operator.get(url).text
    assert "less than or equal to 720" in operator.post(url, {"overlap_hours": "721"}).text
    page = operator.post(url, {"overlap_hours": "2"})
    secret = secret_in(page.text)
    assert "no-store" in page["Cache-Control"]
    for key in (secret, alice.key):
        assert alice.get("/agent/types", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    old, new = alice.api_key, ApiKey.objects.get(digest=keys.digest(secret))
    assert (old.successor, old.family, old.name) == (new, new.family, new.name)
    assert old.expires_at is not None
    assert timedelta(hours=1) < old.expires_at - timezone.now() <= timedelta(hours=2)
    assert "This key was rotated already" in operator.get(url).text
    assert "This key was rotated already" in operator.post(url, {"overlap_hours": "2"}).text
    assert ApiKey.objects.filter(family=old.family).count() == 2


def test_rotating_takes_the_right_to_make_keys(alice: Persona, database: World) -> None:
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_apikey", "change_apikey"]))
    client = django.test.Client()
    client.force_login(helper)
    assert client.post(f"{KEYS}{alice.api_key.pk}/rotate/", {"overlap_hours": "0"}).status_code in (302, 403)
    assert alice.api_key.successor is None


def test_keys_are_found_by_state_prefix_and_client(operator: django.test.Client, database: World) -> None:
    now = timezone.now()
    states: dict[str, dict[str, Any]] = {
        "active": {},
        "expired": {"expires_at": now - timedelta(hours=1)},
        "inactive": {"is_active": False, "expires_at": now - timedelta(hours=1)},
        "revoked": {"is_active": False, "revoked_at": now, "expires_at": now + timedelta(hours=1)},
    }
    owner = Client.objects.create(name="Dora's", tier=Tier.objects.get(slug="basic"))
    made = {
        state: ApiKey.objects.create(client=owner, name=state, prefix=f"p-{state}", digest=state.encode(), **fields)
        for state, fields in states.items()
    }
    for state, key in made.items():
        page = operator.get(KEYS, {"state": state, "q": "Dora's"}).text
        assert {other for other in made if f"p-{other}" in page} == {state}
        assert key.state == state
        page = operator.get(KEYS, {"q": f"p-{state}"}).text
        assert {other for other in made if f"p-{other}" in page} == {state}
    page = operator.get(KEYS, {"client__id__exact": str(owner.pk)}).text
    assert {other for other in made if f"p-{other}" in page} == set(made)


def test_a_clients_tier_can_be_changed_and_its_keys_looked_at(operator: django.test.Client, alice: Persona) -> None:
    client, basic = alice.client, Tier.objects.get(slug="basic")
    url = f"/admin/accounts/client/{client.pk}/change/"
    page = operator.get(url).text
    assert alice.api_key.prefix in page
    fields = {"name": client.name, "tier": str(basic.pk), "is_active": "on"}
    none = {f"{name}-{part}_FORMS": "0" for name in ("budgets", "keys") for part in ("TOTAL", "INITIAL")}
    assert operator.post(url, fields | none).status_code == 302
    assert alice.client.tier == basic
    assert alice.get("/agent/types").headers["X-RateLimit-Limit"] == "200"


def test_tiers_are_made_and_checked(operator: django.test.Client) -> None:
    url = "/admin/accounts/tier/add/"
    good = {"name": "Custom", "slug": "custom", "requests": "7", "window_seconds": "30"}
    for wrong in ({"requests": "0"}, {"requests": "1000000"}, {"window_seconds": "0"}, {"slug": "two words"}):
        assert operator.post(url, good | wrong).status_code == 200
    assert operator.post(url, good).status_code == 302
    tier = Tier.objects.get(slug="custom")
    assert (tier.requests, tier.window_seconds) == (7, 30)
    change = f"/admin/accounts/tier/{tier.pk}/change/"
    assert operator.post(change, good | {"slug": "other", "requests": ""}).status_code == 302
    tier.refresh_from_db()
    assert (tier.slug, tier.requests) == ("custom", None)


@pytest.mark.parametrize("model", ["client", "apikey"])
def test_what_has_a_history_is_not_deleted(operator: django.test.Client, alice: Persona, model: str) -> None:
    pk = {"client": alice.client.pk, "apikey": alice.api_key.pk}[model]
    assert operator.post(f"/admin/accounts/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", ["accounts/tier", "accounts/client", "accounts/apikey", "auth/user", "auth/group"])
def test_every_page_opens(operator: django.test.Client, model: str) -> None:
    for page in (f"/admin/{model}/", f"/admin/{model}/add/"):
        assert operator.get(page).status_code == 200
    assert operator.get(f"/admin/auth/user/{User.objects.get().pk}/change/").status_code == 200


def test_operators_without_permission_see_and_do_nothing(alice: Persona) -> None:
    client = django.test.Client()
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    assert client.get(KEYS).status_code == 403
    assert client.post(KEYS, {"action": "revoke", "_selected_action": [str(alice.api_key.pk)]}).status_code == 403
    assert alice.api_key.state == "active"


def test_lists_are_exported_as_csv(operator: django.test.Client, alice: Persona) -> None:
    ApiKey.objects.filter(pk=alice.api_key.pk).update(name="=1+1", scopes=["execute", "read"])
    for model, chosen, named in (
        ("apikey", alice.api_key.pk, "keys"),
        ("client", alice.client.pk, "clients"),
        ("tier", alice.client.tier_id, "tiers"),
    ):
        fields = {"action": "export_csv", "_selected_action": str(chosen)}
        answer = operator.post(f"/admin/accounts/{model}/", fields)
        assert answer["Content-Disposition"] == f'attachment; filename="{named}.csv"'
        lines = list(csv.DictReader(StringIO(answer.text)))
        assert len(lines) == 1
        if model == "apikey":
            assert lines[0]["name"] == "'=1+1", "no formula"
            assert (lines[0]["client_name"], lines[0]["scopes"]) == ("Wonderland", "execute read")
            assert alice.key not in answer.text
