"""Clients manage their own keys."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import keys, self_service
from accounts.models import ApiKey, AuditEntry, Tier
from tests.api import Api, Persona
from tests.fixtures import Logs
from tests.waiting import eventually

Newcomer = Callable[..., Persona]
SCOPES = ["execute", "read", "keys"]


@pytest.fixture
def dora(newcomer: Newcomer) -> Persona:
    """A client whose key may manage keys."""
    return newcomer(scopes=SCOPES)


def create(persona: Persona, **fields: Any) -> Any:
    return persona.post("/account/keys", json={"name": "made", **fields})


def works(api: Api, secret: str) -> bool:
    return api.get("/agent/types", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_the_account_says_who_calls_and_what_is_left(dora: Persona) -> None:
    Tier.objects.filter(slug="premium").update(tokens_per_minute=9000, concurrency=5, daily_requests=500)
    dora.execute("Say hello.")
    account = dora.get("/account").json()
    assert (account["client"], account["tier"], account["key"]["prefix"]) == ("dora", "premium", dora.api_key.prefix)
    left = {limit["name"]: (limit["limit"], limit["window_seconds"]) for limit in account["limits"]}
    assert left == {
        "requests": (100, 60),
        "tokens": (9000, 60),
        "concurrency": (5, None),
        "daily_requests": (500, 86400),
    }
    assert account["limits"][0]["remaining"] == 99


def test_a_key_is_made_and_its_secret_shown_once(dora: Persona, api: Api, logs: Logs) -> None:
    answer = create(dora, scopes=["read"], requests=5)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert keys.PATTERN.fullmatch(made["secret"])
    assert (made["scopes"], made["limits"]["requests"], made["state"]) == (["read"], 5, "active")
    assert works(api, made["secret"])
    listed = dora.get("/account/keys")
    assert [key["id"] for key in listed.json()["keys"]] == [made["id"], str(dora.api_key.pk)]
    random_part = made["secret"].split("_")[3]
    assert random_part not in listed.text
    assert random_part not in logs.text
    assert not any(random_part in str(vars(entry)) for entry in AuditEntry.objects.all())


def test_what_is_left_out_is_as_with_the_maker(newcomer: Newcomer) -> None:
    ends = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    dora = newcomer(
        scopes=SCOPES, allowed_agent_types=["writer"], allowed_networks=["127.0.0.0/8"], expires_at=ends, requests=7
    )
    made = create(dora).json()
    assert (made["scopes"], made["allowed_agent_types"], made["allowed_networks"]) == (
        SCOPES,
        ["writer"],
        ["127.0.0.0/8"],
    )
    assert datetime.fromisoformat(made["expires_at"]) == ends
    assert made["limits"]["requests"] == 7


@pytest.mark.parametrize(
    ("maker", "fields", "field"),
    [
        ({}, {"scopes": ["usage"]}, "scopes"),
        ({"scopes": ["keys"]}, {"scopes": []}, "scopes"),
        ({"allowed_agent_types": ["writer"]}, {"allowed_agent_types": ["general"]}, "allowed_agent_types"),
        ({"allowed_agent_types": ["writer"]}, {"allowed_agent_types": []}, "allowed_agent_types"),
        ({"allowed_networks": ["127.0.0.0/8"]}, {"allowed_networks": ["127.0.0.0/7"]}, "allowed_networks"),
        ({"allowed_networks": ["127.0.0.0/8"]}, {"allowed_networks": ["::/0"]}, "allowed_networks"),
        ({"allowed_networks": ["127.0.0.0/8"]}, {"allowed_networks": []}, "allowed_networks"),
        ({"expires_at": datetime(2090, 1, 1, tzinfo=UTC)}, {"expires_at": "2090-01-02T00:00:00Z"}, "expires_at"),
        ({"expires_at": datetime(2090, 1, 1, tzinfo=UTC)}, {"expires_at": None}, "expires_at"),
        ({"requests": 5}, {"requests": 6}, "requests"),
        ({"requests": 5}, {"requests": None}, "requests"),
        ({"daily_requests": 5}, {"daily_requests": 6}, "daily_requests"),
        ({}, {"requests": 101}, "requests"),  # the tier has 100
        ({}, {"requests": -1}, "requests"),
        ({}, {"tokens_per_minute": 0}, "tokens_per_minute"),
        ({}, {"concurrency": 10**12}, "concurrency"),
        ({}, {"scopes": ["everything"]}, "scopes"),
        ({}, {"allowed_networks": ["10.0.0.0/33"]}, "allowed_networks"),
        ({}, {"allowed_networks": ["10.0.0.1/8"]}, "allowed_networks"),
        ({}, {"allowed_agent_types": ["not a slug"]}, "allowed_agent_types"),
        ({}, {"expires_at": "2020-01-31T00:00:00Z"}, "expires_at"),
        ({}, {"expires_at": "soon"}, "expires_at"),
        ({}, {"name": " "}, "name"),
        ({}, {"name": "n" * 101}, "name"),
        ({}, {"secret": "mine"}, "secret"),
    ],
)
def test_no_key_gives_more_than_it_has_or_nonsense(
    newcomer: Newcomer, maker: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    dora = newcomer(**{"scopes": SCOPES, **maker})
    answer = create(dora, **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [field]
    assert ApiKey.objects.filter(client=dora.client).count() == 1


def test_narrow_keys_made_by_a_narrow_key_are_not_wide_together(newcomer: Newcomer, api: Api) -> None:
    dora = newcomer(scopes=SCOPES, requests=3)
    secrets = [dora.key, *(create(dora, name=str(number)).json()["secret"] for number in range(3))]
    codes = [api.execute("Say hello.", key=secret).status_code for secret in secrets]
    assert codes == [200, 200, 200, 429]


def test_a_revoked_key_stops_everywhere_within_seconds(dora: Persona, api: Api) -> None:
    made = create(dora).json()
    assert works(api, made["secret"])
    assert dora.delete(f"/account/keys/{made['id']}").status_code == 204
    eventually(lambda: not works(api, made["secret"]), within=5)
    assert dora.delete(f"/account/keys/{made['id']}").status_code == 204
    assert AuditEntry.objects.filter(subject_id=made["id"], action="revoked").count() == 1


def test_rotation_lets_both_keys_work_for_the_overlap(dora: Persona, api: Api) -> None:
    own = dora.api_key
    answer = dora.post(f"/account/keys/{own.pk}/rotate")
    rotated = answer.json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert works(api, rotated["secret"])
    assert works(api, dora.key)
    ends = datetime.fromisoformat(rotated["predecessor_expires_at"])
    assert timedelta(hours=23) < ends - timezone.now() <= timedelta(hours=24)
    assert (rotated["scopes"], rotated["predecessor_id"]) == (SCOPES, str(own.pk))
    again = dora.post(f"/account/keys/{own.pk}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "This key was rotated already" in again.json()["detail"]
    assert rotated["prefix"] in again.json()["detail"]


def test_rotation_without_overlap_ends_the_old_key(dora: Persona, api: Api) -> None:
    own = dora.api_key
    rotated = dora.post(f"/account/keys/{own.pk}/rotate", json={"overlap_hours": 0}).json()
    eventually(lambda: not works(api, dora.key), within=5)
    assert works(api, rotated["secret"])


def test_rotation_gives_no_new_room(newcomer: Newcomer, api: Api) -> None:
    dora = newcomer(scopes=SCOPES, requests=2)
    assert dora.execute("Say hello.").status_code == 200
    secret = dora.post(f"/account/keys/{dora.api_key.pk}/rotate").json()["secret"]
    assert [api.execute("Say hello.", key=secret).status_code for _ in range(2)] == [200, 429]
    assert dora.execute("Say hello.").status_code == 429


@pytest.mark.parametrize("hours", [-1, 721, 1.5, "24", 10**9])
def test_an_absurd_overlap_is_refused(dora: Persona, hours: Any) -> None:
    answer = dora.post(f"/account/keys/{dora.api_key.pk}/rotate", json={"overlap_hours": hours})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "overlap_hours")
    assert ApiKey.objects.filter(client=dora.client).count() == 1


def test_a_stronger_keys_secret_is_not_to_be_had(dora: Persona) -> None:
    weak = create(dora, scopes=["keys"]).json()
    headers = {"Authorization": f"Bearer {weak['secret']}"}
    answer = dora.post(f"/account/keys/{dora.api_key.pk}/rotate", headers=headers)
    assert (answer.status_code, answer.json()["rule"]) == (403, "rights")
    assert dora.post(f"/account/keys/{weak['id']}/rotate", headers=headers).status_code == 201


def test_another_clients_keys_are_not_there(dora: Persona, newcomer: Newcomer) -> None:
    other = newcomer("emil", scopes=["keys"]).api_key
    assert dora.delete(f"/account/keys/{other.pk}").status_code == 404
    assert dora.post(f"/account/keys/{other.pk}/rotate").status_code == 404
    assert str(other.pk) not in dora.get("/account/keys").text
    other.refresh_from_db()
    assert other.state == "active"


def test_a_client_has_only_so_many_keys(dora: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_service, "MOST_KEYS", 2)
    assert create(dora).status_code == 201
    answer = create(dora)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "A client can have 2 usable keys" in answer.json()["detail"]
