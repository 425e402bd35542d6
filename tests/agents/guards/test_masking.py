"""Secrets and personal data in a text, and what is left of it."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys
from agents.guards.masking import masked, masked_value

# In two parts, so that searches for secrets in this repository do not find them.
SECRETS = tuple(
    start + end
    for start, end in (
        ("sk-proj-", "abcdefghijklmnopqrstuvwx"),
        ("sk-ant-api03-", "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
        ("ghp_", "0123456789abcdefghijABCDEFGHIJ012345"),
        ("AKIA", "IOSFODNN7EXAMPLE"),
        ("AIza", "SyA1234567890abcdefghijklmnopqrstuv"),
        ("xoxb-", "123456789012-abcdefghijkl"),
        ("sk_live_", "0123456789abcdefABCDEF"),
        ("hf_", "abcdefghijklmnopqrstuvwxyzABCDEFGH"),
        ("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
        ("-----BEGIN RSA PRIVATE KEY-----\n", "MIIEpAIBAAKCAQEA0123456789\nabcdef\n-----END RSA PRIVATE KEY-----"),
    )
)
CARDS = ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005")
PERSONAL = {
    "ada.lovelace+test@mail.example.co.uk": "[e-mail]",
    "+49 30 901820": "[phone]",
    "+1 (415) 555-2671": "[phone]",
    "DE89 3704 0044 0532 0130 00": "[account]",
    "GB29NWBK60161331926819": "[account]",
}
HONEST = (
    "Order 4711-0815 of 2026-11-25 at 10:15 costs 1,299.00 for 12 pieces; version 3.11.7 at 192.168.10.1.",
    "The task is 01a218fc-2d2c-7785-bde4-a29b74383377, commit 7f11430 and sha 9b1254e6d0c4.",
    "My password is wrong, and the secret is patience. What is a token?",
    "Numbers: 1234567890123456, 4111111111111112 and 3.14159265358979323846.",
    "Write to us @home; see section 5@2.",
    "IBAN stands for International Bank Account Number; DE00 0000 is none.",
)


@pytest.mark.parametrize("mode", ["secrets", "personal"])
@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_masked(secret: str, mode: str) -> None:
    assert masked(f"Use {secret}, please.", mode) == "Use [secret], please."  # type: ignore[arg-type]  # a parameter


def test_our_own_keys_are_masked() -> None:
    assert masked(f"Use {keys.make().secret}.", "secrets") == "Use [secret]."


@pytest.mark.parametrize("card", CARDS)
def test_card_numbers_are_masked(card: str) -> None:
    assert masked(f"Charge {card}.", "secrets") == "Charge [card]."


@pytest.mark.parametrize(("found", "mark"), PERSONAL.items())
def test_personal_data_are_masked_where_that_is_wanted(found: str, mark: str) -> None:
    text = f"It is {found}, they say."
    assert masked(text, "personal") == f"It is {mark}, they say."
    assert masked(text, "secrets") == text


@pytest.mark.parametrize("honest", HONEST)
def test_honest_texts_stay_as_they_are(honest: str) -> None:
    assert masked(honest, "personal") == honest


def test_named_passwords_are_masked() -> None:
    assert masked('password: "hunter2!x", api_key=Zx81Qq99', "secrets") == 'password: "[secret]", api_key=[secret]'
    assert masked("My passwort lautet Geh31mnis.", "secrets") == "My passwort lautet [secret]"
    assert masked("Open https://ada:s3cret@db.example/x", "secrets") == "Open https://[secret]@db.example/x"


def test_national_numbers_are_known_where_the_country_is() -> None:
    text = "Ring 030 901820 today."
    assert masked(text, "personal") == text
    assert masked(text, "personal", phone_region="DE") == "Ring [phone] today."


def test_nothing_is_masked_without_a_mode() -> None:
    assert masked(f"{SECRETS[0]} {CARDS[0]}", "") == f"{SECRETS[0]} {CARDS[0]}"


@given(st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@:=+-_"), max_size=300))
def test_texts_without_digits_and_marks_are_left_alone(text: str) -> None:
    assert masked(text, "personal") == text or "BEGIN" in text or " is " in text or "lautet" in text


@given(st.text(max_size=400))
def test_masking_again_changes_nothing(text: str) -> None:
    once = masked(text, "personal")
    assert masked(once, "personal") == once


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)))  # fmt: skip  # noqa: E501
def test_values_keep_their_shape(value: object) -> None:
    found = masked_value([value, {"mail": ["ada@example.org"]}], "personal")
    assert found[1] == {"mail": ["[e-mail]"]}
    assert type(found[0]) is type(value)
    json.dumps(found)


def test_names_that_look_alike_afterwards_are_all_kept() -> None:
    found = masked_value({"ada@example.org": 1, "grace@example.org": 2, "x": 3}, "personal")
    assert found == {"[e-mail]": 1, "[e-mail] 2": 2, "x": 3}


@pytest.mark.parametrize("seed", range(5))
def test_long_texts_take_time_that_grows_with_their_length_alone(seed: int) -> None:
    dice = random.Random(seed)
    piece = "".join(dice.choice("4 5-@.a+eyJ:/sk_") for _ in range(40_000))
    assert isinstance(masked(piece, "personal"), str)
