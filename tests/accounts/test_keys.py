"""Keys as text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts import keys

KEY = keys.make().secret


def test_a_made_key_has_the_published_form() -> None:
    made = keys.make()
    assert re.fullmatch(r"ap_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", made.secret)
    assert made.secret.startswith(f"{made.prefix}_")
    assert keys.is_wellformed(made.secret)
    assert made.digest == keys.digest(made.secret)


def test_no_two_keys_are_alike() -> None:
    made = [keys.make() for _ in range(200)]
    assert len({key.secret for key in made}) == len({key.digest for key in made}) == 200


@given(position=st.integers(len(keys.START), len(KEY) - 1), letter=st.characters(min_codepoint=33, max_codepoint=126))
def test_a_mistyped_character_is_noticed(position: int, letter: str) -> None:
    mistyped = KEY[:position] + letter + KEY[position + 1 :]
    assert keys.is_wellformed(mistyped) == (mistyped == KEY)


@given(length=st.integers(0, len(KEY) - 1))
def test_a_key_cut_short_is_noticed(length: int) -> None:
    cut = KEY[:length]
    assert not (cut.startswith(keys.START) and keys.is_wellformed(cut))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=512))
def test_operators_own_keys_may_have_any_visible_form(text: str) -> None:
    assert keys.is_wellformed(text) or text.startswith(keys.START)


@pytest.mark.parametrize("text", ["", "two words", "tab\tkey", "line\nkey", "nul\0", "ключ", "k" * 513])
def test_what_no_header_can_carry_is_no_key(text: str) -> None:
    assert not keys.is_wellformed(text)


def test_the_checksum_is_crc32_in_base_62() -> None:
    value = 0
    for digit in keys.checksum("123456789"):
        value = value * 62 + keys.ALPHABET.index(digit)
    assert value == 0xCBF43926  # the check value of CRC-32 in every catalogue


def test_a_digest_needs_the_pepper(settings: Settings) -> None:
    before = keys.digest(KEY)
    settings.API_KEY_PEPPER = "another"
    assert len(before) == 32
    assert keys.digest(KEY) != before
