"""The rules: classes of words that follow each other closely in a sentence, and marks that no honest text needs.

A score of 0.8 blocks on its own; what is lower needs company, or is only flagged from 0.5.
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """Words of these classes, in this order, with at most `gap` words between each two."""

    name: str
    score: float
    classes: tuple[str, ...]
    gap: int = 0


class Mark(NamedTuple):
    """A piece of text that is looked for as it stands, in upper or lower case."""

    name: str
    score: float
    text: str


def _rule(name: str, score: float, classes: str, gap: int = 0) -> Rule:
    return Rule(name, score, tuple(classes.split()), gap)


RULES = (
    _rule("override_instructions", 0.9, "drop former orders", 3),
    _rule("override_instructions", 0.9, "drop your orders", 2),
    _rule("override_instructions", 0.9, "drop all orders", 2),
    _rule("override_instructions", 0.8, "drop orders former", 3),
    _rule("override_instructions", 0.6, "drop orders", 2),
    _rule("override_instructions", 0.8, "remove all former orders", 2),
    _rule("override_instructions", 0.8, "remove your former orders", 2),
    _rule("override_instructions", 0.6, "remove former orders", 2),
    _rule("override_instructions", 0.6, "remove your orders", 2),
    _rule("override_instructions", 0.8, "drop all former rules", 2),
    _rule("override_instructions", 0.8, "drop your former rules", 2),
    _rule("override_instructions", 0.6, "drop former rules", 2),
    _rule("override_instructions", 0.6, "drop your rules", 2),
    _rule("override_instructions", 0.6, "drop rules former", 2),
    _rule("override_instructions", 0.5, "drop all rules", 2),
    _rule("override_instructions", 0.8, "drop all former talk", 2),
    _rule("override_instructions", 0.45, "drop former talk", 2),
    _rule("override_instructions", 0.7, "drop everything former", 2),
    _rule("override_instructions", 0.7, "drop everything you"),
    _rule("override_instructions", 0.45, "drop everything"),
    _rule("override_instructions", 0.55, "drop here_above", 1),
    _rule("refuse_instructions", 0.8, "no follow former orders", 3),
    _rule("refuse_instructions", 0.7, "no follow your orders", 3),
    _rule("reveal_prompt", 0.85, "reveal your secretly prompt", 1),
    _rule("reveal_prompt", 0.85, "repeat your secretly prompt", 1),
    _rule("reveal_prompt", 0.8, "verbatim these system orders", 1),
    _rule("reveal_prompt", 0.65, "reveal these secretly orders", 1),
    _rule("reveal_prompt", 0.65, "repeat these secretly orders", 1),
    _rule("reveal_prompt", 0.8, "repeat your orders", 1),
    _rule("reveal_prompt", 0.65, "reveal your orders", 1),
    _rule("reveal_prompt", 0.5, "reveal your prompt", 1),
    _rule("reveal_prompt", 0.7, "what be your orders", 1),
    _rule("reveal_prompt", 0.7, "what be your secretly prompt", 1),
    _rule("reveal_prompt", 0.65, "orders so far"),
    _rule("reveal_prompt", 0.6, "orders you be told", 1),
    _rule("repeat_above", 0.8, "verbatim words above", 1),
    _rule("role_unlimited", 0.8, "act loose", 6),
    _rule("role_unlimited", 0.8, "you be loose", 3),
    _rule("role_unlimited", 0.5, "loose"),
    _rule("role_do_anything", 0.9, "do anything now"),
    _rule("role_mode", 0.8, "jailbroken mode"),
    _rule("role_mode", 0.8, "act special mode", 4),
    _rule("role_mode", 0.45, "special mode"),
    _rule("role_no_limits", 0.6, "no moral limits", 2),
    _rule("role_no_limits", 0.45, "no limits", 2),
    _rule("role_no_refusal", 0.45, "no refuse", 2),
    _rule("role_character", 0.35, "no break character", 2),
    _rule("role_now", 0.35, "you be now"),
    _rule("role_now", 0.35, "now be you"),
    _rule("role_now", 0.35, "from now on"),
    _rule("new_instructions", 0.4, "new orders", 1),
)
MARKS = (
    Mark("chat_template", 0.9, "<|im_start|>"),
    Mark("chat_template", 0.9, "<|im_end|>"),
    Mark("chat_template", 0.9, "<|system|>"),
    Mark("chat_template", 0.9, "<|start_header_id|>"),
    Mark("chat_template", 0.9, "<<sys>>"),
    Mark("chat_template", 0.6, "[inst]"),
    Mark("chat_template", 0.6, "[/inst]"),
    Mark("chat_template", 0.6, "### system:"),
    Mark("chat_template", 0.5, "[system]"),
)
