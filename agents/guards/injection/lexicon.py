"""What words mean: the concepts of `lexicon.txt`, and words that differ from one of ours by a slip of the finger."""

import re
from pathlib import Path

from agents.guards.injection.normalise import normalised

UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Thai, Japanese, Chinese and Korean, as a part of a character class."""


def listed(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


MISSPELT = listed("""
    ignore ignores ignoring disregard forget override bypass instruction instructions instructed prompt prompts directive
    directives directions guidelines previous previously password passwords passcode reveal unrestricted unfiltered system
    secret restrictions
""")
RIGHT = frozenset(["forged", "forger", "signore", "prompts", "promptly", "sacred", "secrete", "forgets"])
"""Words that are one slip away from one of these, and right."""
SHORTEST_MISSPELT = 5

_exact: dict[str, str] = {}
_beginnings: dict[str, str] = {}
phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
"""Phrases by their first word, longest first."""
pieces: dict[str, dict[str, str]] = {}
"""Concepts of pieces of text without spaces, by their first letter, longest first."""


def _read() -> None:
    concept = ""
    spaceless = re.compile(f"[{UNSPACED}]")
    for line in Path(__file__).with_name("lexicon.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if line.endswith(":"):
            concept = line[:-1]
        for entry in line.split() if line.startswith(" ") else ():
            parts = tuple(normalised(entry.rstrip("*").replace("_", " ")).replace("-", " ").split())
            if spaceless.search(entry):
                piece = "".join(parts)
                pieces.setdefault(piece[0], {}).setdefault(piece, concept)
            elif len(parts) > 1:
                phrases.setdefault(parts[0], []).append((parts, concept))
            else:
                (_beginnings if entry.endswith("*") else _exact).setdefault(parts[0], concept)
    for known in phrases.values():
        known.sort(key=lambda phrase: -len(phrase[0]))
    for head, own in pieces.items():
        pieces[head] = dict(sorted(own.items(), key=lambda item: -len(item[0])))


_read()
_SHORTEST = min(map(len, _beginnings))


def _without_one(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


_near: dict[str, list[str]] = {}
for _word in sorted(MISSPELT):
    for _form in {_word, *_without_one(_word)}:
        _near.setdefault(_form, []).append(_word)


def concept_of(word: str) -> str:
    """What a normalised word means; empty when it means nothing to us."""
    return _known(word) or (_known(meant) if (meant := _meant(word)) else "")


def _known(word: str) -> str:
    if found := _exact.get(word):
        return found
    return next(
        (_beginnings[word[:end]] for end in range(len(word), _SHORTEST - 1, -1) if word[:end] in _beginnings), ""
    )


def _meant(word: str) -> str:
    """The word of ours that was probably meant: one letter more, less or different, or two swapped."""
    if len(word) < SHORTEST_MISSPELT or word in RIGHT or not word.isascii():
        return ""
    for form in (word, *_without_one(word)):
        for ours in _near.get(form, ()):
            if ours[0] == word[0] and _is_one_slip(word, ours):
                return ours
    return _meant(word[:-1]) if word[-1] == word[-2] else ""


def _is_one_slip(word: str, ours: str) -> bool:
    if len(word) != len(ours):
        return abs(len(word) - len(ours)) == 1
    places = [at for at in range(len(word)) if word[at] != ours[at]]
    if len(places) == 2:
        first, second = places
        return second == first + 1 and word[first] == ours[second] and word[second] == ours[first]
    return len(places) == 1


def own_words() -> frozenset[str]:
    """The Latin words of the lexicon, and how others of it begin."""
    return frozenset(word for word in (*_exact, *_beginnings) if word.isascii() and word.isalpha())
