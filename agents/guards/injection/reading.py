"""How the detector reads a text: its words, and what they mean where they stand."""

import re
from typing import NamedTuple

from agents.guards.injection.lexicon import UNSPACED, concept_of, listed, phrases, pieces

MARKS = r"<\||\|>|[:#<>{}\[\]=*|%\-]+|[.!?;\"]"
ASCII_WORD = re.compile(rf"[a-z0-9]+(?:'[a-z0-9]+)*|{MARKS}")
_LETTER = rf"(?:[^\W{UNSPACED}]|[\u0900-\u0dff])"  # the vowel signs of Indian scripts are part of their words
ANY_WORD = re.compile(rf"{_LETTER}+(?:'{_LETTER}+)*|[{UNSPACED}]+|{MARKS}")
IS_UNSPACED = re.compile(f"[{UNSPACED}]").match

NEGATABLE = frozenset(["DROP", "REMOVE", "REVEAL", "REPEAT", "SEND"])
NEGATIONS = listed("""
    not never don't dont can't cannot won't shouldn't nicht no ne nunca nao non nie niet inte ikke avoid he jangan dung
    别 不要 不 لا मत
""")
"""Words that turn the next two into their opposite; Russian “не” is spelt like “he” here."""
NEGATIONS_AFTER = listed("nicht inte pas ikke niet nie not ない ません")
OWNED = frozenset(["ORDERS", "RULES", "PROMPT", "PASSWORD"])
BETWEEN = frozenset(["ALL", "FORMER", "YOUR", "SECRET"])
TALK = listed("""
    attack attacks attacker attackers injection injections jailbreaking phrase phrases phrasing mean means meaning example
    examples detect detecting detection detector classifier classify prevent prevents defend against explain article paper
    research security called such filter blocked flagged hint quote quoted warning angriff angriffe beispiel bedeutet erklare
    attaque exemple signifie ataque ejemplo significa attacco esempio
""")
"""Near these, a quoted text is talked about rather than said."""
TALK_REACH = 12
LONGEST_QUOTE = 40
MOST_KNOWN = 50_000
LONGEST_WORD = 40
SENTENCE_ENDS = ".!?;"
END = "."
"""What the end of a sentence means: no concept follows another over it."""
NO_PIECES: dict[str, str] = {}


class Reading(NamedTuple):
    """Words and, at the same places, what they mean; both empty where a text only mentions what it quotes."""

    words: list[str]
    concepts: list[str]
    mentioned: str = ""
    """What it only mentions."""


class _Known(dict[str, tuple[str, str]]):
    """Words that were met before, as the model knows them, with their concepts. Bounded."""

    def __missing__(self, word: str) -> tuple[str, str]:
        if len(word) > LONGEST_WORD:
            return word[:LONGEST_WORD], ""
        if len(self) >= MOST_KNOWN:
            self.clear()
        if word.isdigit():
            found = ("0", "")
        elif word[0].isalnum():
            found = (word, concept_of(word))
        else:
            found = (word[:3], END if word in SENTENCE_ENDS else "")
        self[word] = found
        return found


_known = _Known()


def read(text: str) -> Reading:
    """Read a normalised text, in time that grows with its length alone."""
    if text.isascii():
        found = [_known[word] for word in ASCII_WORD.findall(text)]
    else:
        found = [
            each for word in ANY_WORD.findall(text) for each in (_cut(word) if IS_UNSPACED(word) else (_known[word],))
        ]
    words, concepts = map(list, zip(*found, strict=True)) if found else ([], [])
    _join_phrases(words, concepts)
    mentioned = _drop_mentions(words, concepts) if words.count('"') > 1 and not TALK.isdisjoint(words) else ""
    _settle(words, concepts)
    return Reading(words, concepts, mentioned)


def _cut(run: str) -> list[tuple[str, str]]:
    """The longest known pieces of a text without spaces; what is between them, letter by letter."""
    found = []
    at = 0
    while at < len(run):
        letter = run[at]
        for piece, concept in pieces.get(letter, NO_PIECES).items():
            if run.startswith(piece, at):
                found.append((piece, concept))
                at += len(piece)
                break
        else:
            found.append((letter, ""))
            at += 1
    return found


def _join_phrases(words: list[str], concepts: list[str]) -> None:
    """Make one word of each phrase of the lexicon."""
    heads = [at for at, word in enumerate(words) if word in phrases]
    for at in reversed(heads):
        for parts, concept in phrases[words[at]]:
            if tuple(words[at : at + len(parts)]) == parts:
                words[at : at + len(parts)] = ["_".join(parts)]
                concepts[at : at + len(parts)] = [concept]
                break


def _drop_mentions(words: list[str], concepts: list[str]) -> str:
    """Forget what stands in quotation marks near a word that says that it is talked about, and give it back."""
    found = []
    marks = [at for at, word in enumerate(words) if word == '"']
    talk = [at for at, word in enumerate(words) if word in TALK]
    while len(marks) > 1:
        start, end = marks[:2]
        near = any(start - TALK_REACH <= at < start or end < at <= end + TALK_REACH for at in talk)
        if end - start <= LONGEST_QUOTE and near:
            found += [*words[start + 1 : end], "."]
            words[start + 1 : end] = concepts[start + 1 : end] = [""] * (end - start - 1)
            del marks[0]
        del marks[0]
    return " ".join(found).replace("_", " ")


def _settle(words: list[str], concepts: list[str]) -> None:
    """Turn what is negated into its opposite, and instructions that are kept, or are a third person's, into nobody's."""
    for at, concept in enumerate(concepts):
        if not concept:
            continue
        if concept in NEGATABLE and _is_negated(words, at):
            words[at] = f"not_{words[at]}"
            concepts[at] = "KEEP"
        elif concept in OWNED:
            near = [before for before in concepts[max(0, at - 4) : at] if before and before not in BETWEEN]
            if near and near[-1] in ("KEEP", "THEIR"):
                concepts[at] = "NOBODYS"


def _is_negated(words: list[str], at: int) -> bool:
    return not (NEGATIONS.isdisjoint(words[max(0, at - 2) : at]) and NEGATIONS_AFTER.isdisjoint(words[at + 1 : at + 3]))
