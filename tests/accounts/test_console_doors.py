"""Who comes into the console and how: passwords, second factors, lock-outs, and the password again before dangerous acts."""

import re
from base64 import b32decode
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts import confirming
from accounts.models import AuditEntry
from tests.api import Persona
from tests.outages import redis_away
from tests.personas import OPERATOR, OPERATOR_PASSWORD

pytestmark = pytest.mark.usefixtures("nobody_locked_out")
PAGE = "/admin/second-factor/"


def signs_in(client: Client, **fields: str) -> Any:
    return client.post("/admin/login/", {"username": OPERATOR, "password": OPERATOR_PASSWORD, **fields})


def code_of(secret: str, *, steps: int = 0) -> str:
    key = b32decode(secret + "=" * (-len(secret) % 8))
    return f"{totp(key, t0=-30 * steps):06d}"


def set_up(client: Client) -> tuple[str, list[str]]:
    """The app's key and the recovery codes."""
    secret = re.search(r'id="key">([A-Z2-7]+)<', client.get(PAGE).text)
    assert secret
    page = client.post(PAGE, {"code": code_of(secret[1])}).text
    codes = re.findall(r"<li>([a-z2-7]{8})</li>", page)
    assert len(codes) == 10
    return secret[1], codes


def actions() -> list[str]:
    return list(AuditEntry.objects.filter(subject_kind="user").order_by("pk").values_list("action", flat=True))


def test_a_password_alone_lets_in_who_has_no_second_factor(client: Client) -> None:
    assert signs_in(client).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert actions() == ["signed in"]


def test_a_second_factor_is_asked_for_once_it_is_set_up(client: Client) -> None:
    signs_in(client)
    secret, codes = set_up(client)
    assert client.get("/admin/").status_code == 200, "who set it up stays signed in"
    stranger = Client()
    assert "Enter the code that your authenticator app shows" in signs_in(stranger).text
    assert "This code is not right." in signs_in(stranger, code="000000").text
    assert stranger.get("/admin/").status_code == 302
    TOTPDevice.objects.update(throttling_failure_count=0)
    assert signs_in(stranger, code=code_of(secret, steps=1)).status_code == 302
    assert stranger.get("/admin/").status_code == 200
    assert actions() == ["signed in", "second factor set up", "signed in"]
    assert secret not in str(list(AuditEntry.objects.values()))
    assert codes[0] not in str(list(AuditEntry.objects.values()))


def test_a_code_is_taken_once(client: Client) -> None:
    signs_in(client)
    secret, _ = set_up(client)
    code = code_of(secret, steps=1)
    assert signs_in(Client(), code=code).status_code == 302
    assert signs_in(Client(), code=code).status_code == 200


def test_codes_cannot_be_guessed_in_a_row(client: Client) -> None:
    signs_in(client)
    secret, _ = set_up(client)
    signs_in(Client(), code="000000")
    assert TOTPDevice.objects.get().throttling_failure_count == 1
    TOTPDevice.objects.update(throttling_failure_count=8)  # it waits twice as long after each
    assert signs_in(Client(), code=code_of(secret, steps=1)).status_code == 200, "the device waits after a wrong code"


def test_a_recovery_code_lets_in_once(client: Client) -> None:
    signs_in(client)
    _, codes = set_up(client)
    assert signs_in(Client(), code=codes[3]).status_code == 302
    assert signs_in(Client(), code=codes[3]).status_code == 200
    assert "9 recovery codes are left" in client.get(PAGE).text


def test_a_session_from_before_it_is_set_up_is_out(client: Client) -> None:
    other = Client()
    signs_in(other)
    signs_in(client)
    set_up(client)
    assert other.get("/admin/").status_code == 302


def test_a_wrong_code_sets_nothing_up(client: Client) -> None:
    signs_in(client)
    assert "This code is not right" in client.post(PAGE, {"code": "000000"}).text
    assert signs_in(Client()).status_code == 302


def test_it_is_removed_by_a_code(client: Client) -> None:
    signs_in(client)
    secret, codes = set_up(client)
    assert "nothing was changed" in client.post(PAGE, {"remove": "yes", "code": "1"}, follow=True).text
    TOTPDevice.objects.update(throttling_failure_count=0)
    assert "was removed" in client.post(PAGE, {"remove": "yes", "code": codes[0]}, follow=True).text
    assert signs_in(Client()).status_code == 302
    assert actions()[-2:] == ["second factor removed", "signed in"]
    assert secret not in client.get(PAGE).text, "a new app gets a new key"


def test_another_superuser_removes_a_lost_one(client: Client, operator: Client) -> None:
    user = User.objects.create_superuser("ada", password="lovelace-1815")
    client.force_login(user)
    set_up(client)
    page = reverse("admin:auth_user_reset_second_factor", args=[user.pk])
    assert "will let <strong>ada</strong> in" in operator.get(page).text
    assert TOTPDevice.objects.filter(user=user).exists(), "a link alone removes nothing"
    operator.post(page)
    assert not TOTPDevice.objects.filter(user=user).exists()


def test_a_command_removes_the_last_superusers(client: Client) -> None:
    signs_in(client)
    set_up(client)
    call_command("removesecondfactor", OPERATOR, stdout=StringIO())
    assert signs_in(Client()).status_code == 302
    for name, told in ((OPERATOR, "has no second factor"), ("nobody", "There is no operator nobody")):
        with pytest.raises(CommandError, match=told):
            call_command("removesecondfactor", name)


def test_it_may_be_demanded_of_all(client: Client, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    signs_in(client)
    answer = client.get("/admin/agents/task/")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert client.post(reverse("doctor"), {"remedy": "sweep"})["Location"] == PAGE
    set_up(client)
    assert client.get("/admin/agents/task/").status_code == 200


def test_who_has_to_set_one_up_after_a_while_is_led_there_all_the_same(client: Client, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    signs_in(client)
    stale(client)
    asked = client.get("/admin/", follow=True)
    assert asked.redirect_chain[-1][0].startswith("/admin/confirm/"), asked.redirect_chain
    given = client.post("/admin/confirm/", {"password": OPERATOR_PASSWORD, "next": PAGE}, follow=True)
    assert 'id="key"' in given.text


def test_ten_wrong_passwords_lock_the_name_out_for_an_address(client: Client, settings: Settings) -> None:
    settings.ADMIN_LOGIN_LIMIT = 1000
    for _ in range(9):
        assert signs_in(client, password="wrong").status_code == 200
    locked = signs_in(client, password="wrong")
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert "Too many attempts" in locked.text
    assert signs_in(client).status_code == 429, "the right password neither"
    assert signs_in(client, username="somebody").status_code == 200, "another name is not locked"
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert signs_in(elsewhere).status_code == 302, "nobody locks an operator out from elsewhere"
    assert actions() == ["locked out", "signed in"]


def test_many_at_once_try_no_more_passwords_than_may_be_tried(
    database: object, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ADMIN_LOGIN_LIMIT = 5
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: signs_in(Client(), password="wrong").status_code, range(40)))
    assert answers.count(200) <= 2 * 5, "two windows at most"
    assert answers.count(429) >= 30


def test_with_redis_away_a_password_lets_in(client: Client) -> None:
    with redis_away():
        assert signs_in(client, password="wrong").status_code == 200
        assert signs_in(client).status_code == 302


def stale(client: Client) -> None:
    session = client.session
    session[confirming.CONFIRMED_AT] -= confirming.FRESH_SECONDS
    session.save()


def test_dangerous_acts_want_the_password_again(operator: Client) -> None:
    page = reverse("admin:auth_user_add")
    assert operator.get(page).status_code == 200
    stale(operator)
    asked = operator.get(page)
    assert (asked.status_code, asked["Location"]) == (302, "/admin/confirm/?next=%2Fadmin%2Fauth%2Fuser%2Fadd%2F")
    made = {"username": "mallory", "password1": "correct-horse-9", "password2": "correct-horse-9"}
    assert operator.post(page, made)["Location"].startswith("/admin/confirm/")
    assert not User.objects.filter(username="mallory").exists()
    assert "This is not your password." in operator.post(asked["Location"], {"password": "wrong", "next": page}).text
    assert operator.get(page).status_code == 302
    assert operator.post(asked["Location"], {"password": OPERATOR_PASSWORD, "next": page})["Location"] == page
    assert operator.get(page).status_code == 200


@pytest.mark.parametrize("name", sorted(confirming.DANGEROUS))
def test_each_of_them_does(operator: Client, name: str) -> None:
    stale(operator)
    user = User.objects.get(username=OPERATOR)
    for arguments in ([], [user.pk]):
        try:
            address = reverse(f"admin:{name}", args=arguments)
        except NoReverseMatch:
            continue
        assert operator.get(address)["Location"].startswith("/admin/confirm/")
        return
    pytest.fail(f"there is no page {name}")


def test_bulk_acts_on_keys_want_it_too(operator: Client, alice: Persona) -> None:
    stale(operator)
    page = reverse("admin:accounts_apikey_changelist")
    assert operator.get(page).status_code == 200, "to look is no danger"
    act = {"action": "revoke", "_selected_action": [str(alice.api_key.pk)]}
    assert operator.post(page, act)["Location"].startswith("/admin/confirm/")
    assert alice.api_key.revoked_at is None
    operator.post("/admin/confirm/", {"password": OPERATOR_PASSWORD, "next": page})
    operator.post(page, act)
    assert alice.api_key.revoked_at is not None


def test_what_is_confirmed_leads_to_no_other_site(operator: Client) -> None:
    answer = operator.post("/admin/confirm/", {"password": OPERATOR_PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"


def test_a_change_of_role_is_on_record(operator: Client) -> None:
    made = {"username": "grace", "password1": "correct-horse-9", "password2": "correct-horse-9", "is_staff": "on"}
    operator.post(reverse("admin:auth_user_add"), {**made, "groups": [Group.objects.get(name="viewer").pk]})
    user = User.objects.get(username="grace")
    entries = AuditEntry.objects.filter(subject="grace").order_by("pk")
    assert [(entry.action, entry.changes.get("roles")) for entry in entries] == [
        ("created", None),
        ("changed", [[], ["viewer"]]),
    ]
    assert "password" not in entries[0].changes
    operator.post(
        reverse("admin:auth_user_password_change", args=[user.pk]),
        {"password1": "other-horse-10", "password2": "other-horse-10"},
    )
    assert entries.latest("pk").action == "password set"
