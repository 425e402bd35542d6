"""How much of a conversation a model can read."""

import pytest
from pytest_django import Settings

from agents.conversations.windows import LOCAL_WINDOW_TOKENS, window_of


@pytest.mark.parametrize(
    ("models", "window"),
    [
        (("gpt-4o-mini",), 128_000),
        (("gpt-5-mini",), 400_000),
        (("gpt-5-mini", "gpt-4o-mini"), 128_000),
        (("nobody-knows-me",), 500_000),
        (("nobody-knows-me", "gpt-4o-mini"), 128_000),
        (("smollm2-135m-instruct",), LOCAL_WINDOW_TOKENS),
    ],
)
def test_the_smallest_that_is_known_counts(settings: Settings, models: tuple[str, ...], window: int) -> None:
    settings.CONVERSATION_WINDOW_TOKENS = 500_000
    assert window_of(*models) == window


def test_the_setting_is_the_most(settings: Settings) -> None:
    settings.CONVERSATION_WINDOW_TOKENS = 32_000
    assert window_of("gpt-5-mini") == 32_000
