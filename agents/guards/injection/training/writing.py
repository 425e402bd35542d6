"""Texts of our own writing, from patterns: `{a|b}` chooses, `<name>` stands for one of a list at the head of the file."""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from agents.guards.injection.rows import Row

TEXTS = Path(__file__).with_name("texts")
CHOICE = re.compile(r"\{([^{}|]*\|[^{}]*)\}")
NAME = re.compile(r"<([a-z]+)>")
REPEATED = re.compile(r"(.+?) \* (\d+) ")
GUARDED = ("<|", "\x01"), ("|>", "\x02")
EACH = {"attacks": 24, "honest": 24, "languages": 6}
GROUPS = 12
"""Into so many sources the patterns of our own are dealt out, apart from those in other languages."""
SPACELESS = ("zh", "ja")


class Pattern(NamedTuple):
    """A line of a file, below a heading."""

    heading: str
    line: str


def own_rows() -> Iterator[Row]:
    """Every text of our own, the same at each call. An attack's kind is the rule that its features vote for."""
    for name, count in EACH.items():
        lists, patterns = _read(name)
        seen = set()
        for number, (heading, line) in enumerate(patterns):
            dice = random.Random(f"{name} {number} {line}")  # noqa: S311, chance that can be repeated
            what, _, language = heading.partition(" ")
            for text in (
                _styled(_expanded(line, lists, dice), dice) for _ in range(count if "{" in line or "<" in line else 2)
            ):
                clean = text.replace(" ", "") if language in SPACELESS else text
                if clean and clean not in seen:
                    seen.add(clean)
                    is_attack = name == "attacks" or what == "attack"
                    yield Row(clean, is_attack, f"own {language or number % GROUPS}", what)


def _read(name: str) -> tuple[dict[str, list[str]], list[Pattern]]:
    lists: dict[str, list[str]] = {}
    patterns: list[Pattern] = []
    heading = ""
    for line in (TEXTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            heading = line[3:]
        elif line and heading:
            patterns.append(Pattern(heading, _guarded(line)))
        elif " = " in line:
            key, _, choices = line.partition(" = ")
            lists[key] = _guarded(choices).split("|")
    return lists, patterns


def _guarded(line: str) -> str:
    for mark, stand_in in GUARDED:
        line = line.replace(mark, stand_in)
    return line


def _expanded(line: str, lists: Mapping[str, list[str]], dice: random.Random) -> str:
    """The line with each choice made, from the inside out."""
    while True:
        if found := NAME.search(line):
            name = found[1]
            inside = dice.choice(lists[name]) if name in lists else f"\x03{name}\x04"
        elif found := CHOICE.search(line):
            inside = dice.choice(found[1].split("|"))
        else:
            break
        line = line[: found.start()] + inside + line[found.end() :]
    for mark, stand_in in (*GUARDED, ("<", "\x03"), (">", "\x04"), ("\n", "\\n")):
        line = line.replace(stand_in, mark)
    if found := REPEATED.match(line):
        line = f"{found[1]} " * int(found[2]) + line[found.end() :]
    return re.sub(r" ([,.;:?!])", r"\1", re.sub(" +", " ", line)).strip()


def _styled(text: str, dice: random.Random) -> str:
    """As people type: with and without capitals and a full stop, all in capitals, with slips."""
    chance = dice.random()
    if chance < 0.25 or not text:
        return text
    capital = text[:1].upper() + text[1:]
    if chance < 0.62:
        return capital
    if chance < 0.7:
        return text.upper()
    if chance < 0.85:
        return capital + ("" if text[-1] in ".?!:\"'" else dice.choice(".!"))
    if chance < 0.92:
        return text.lower()
    return " ".join(_slip(word, dice) if len(word) > 4 and dice.random() < 0.12 else word for word in text.split(" "))


def _slip(word: str, dice: random.Random) -> str:
    at = dice.randrange(1, len(word) - 2)
    return dice.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at] + word[at:],
        ]
    )
