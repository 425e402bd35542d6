"""Attacks that are written so that a filter does not read them, but a model does: each is undone and judged as if plain.

Whether there may be one is told cheaply; only then is it decoded. What is decoded, how much and how deep, is bounded.
"""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple
from urllib.parse import unquote

from agents.guards.injection.lexicon import listed, own_words

LEAST_ENCODED = 16
"""Letters of the shortest word that may be an encoded text."""
MOST_PIECES = 20
MOST_DECODED = 16_000
MOST_SPACED = 400
MOSTLY = 0.9
LEAST_HITS = 2
LEAST_SHARE = 0.03
LONGEST_WORD = 18
UNKNOWN_LETTER = 3.0
"""What a letter costs that belongs to no known word, where a word costs 1."""
REACH = 32
"""Words before and after what is undone in the midst of a text that are judged with it; more than a window of the model."""
REACH_LETTERS = 8 * REACH

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}(?:\s[A-Za-z0-9+/_-]{2,}={0,2})*")
HEX = re.compile(r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,;-]{0,2}){6,}")
BINARY = re.compile(r"(?:[01]{8}[\s,]{0,2}){4,}")
MORSE = re.compile(r"(?:[.\-·–−]{1,6}(?:[ /|]+|$)){6,}")
ESCAPED = re.compile(r"\\u\{?([0-9a-fA-F]{4,5})\}?|\\x([0-9a-fA-F]{2})")
ESCAPES = re.compile(r"%[0-9a-fA-F]{2}|&#?\w+;|\\u\{?[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}")
MARKED = re.compile(r"[@$!|+](?:(?<=[a-z].)[@$!|+]*[a-z]|(?<=[@$])(?<!\w.)[a-z]{2})")
HEX_WORD = re.compile(r"(?:0?x)?[0-9][a-f]|0?x[0-9a-f]{2}").fullmatch
AROUND_WORDS = ".,;:?\"'()[]"
SPACED = re.compile(r"(?:(?<!\w)\w[^\w\n]{1,3}){4,}\w(?!\w)")
MOST_BETWEEN = 4
"""How much further on the next of these letters is, counted in words and marks."""
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")

LEETS = tuple(
    str.maketrans(f"01345789{marks}", f"o{one}eastbg{letters}")
    for marks, letters in (("", ""), ("@$!+|", "asiti"))
    for one in "il"
)
ATBASH = str.maketrans("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")
MORSE_CODE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
MORSE_LETTERS = dict(zip(MORSE_CODE.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True))


class View(NamedTuple):
    """A text that another hides, and how."""

    disguise: str
    text: str


def rot13(text: str) -> str:
    """The text with each Latin letter thirteen places further."""
    return codecs.encode(text, "rot13")


def atbash(text: str) -> str:
    """The lower-case text with the alphabet turned around."""
    return text.translate(ATBASH)


def reverse(text: str) -> str:
    """The text from its end to its beginning."""
    return text[::-1]


WHOLE: dict[str, Callable[[str], str]] = {"rot13": rot13, "reversed": reverse, "atbash": atbash}
"""Disguises of a whole text, each of which undoes itself."""


@cache
def vocabulary() -> frozenset[str]:
    """The words that the model knows something by, with the commonest ones."""
    from agents.guards.injection.model import shipped

    words = {part for feature in shipped().numbers for part in ((feature,) if isinstance(feature, str) else feature)}
    known = {
        piece for word in words if word.islower() and word.isascii() for piece in word.split("_") if piece.isalpha()
    }
    return frozenset(known | COMMON | own_words())


COMMON = listed("""
    a i the and you are your all of to in is it that for with this not what how please now from me my do don't was were be on
    as at by or an if will no have has
""")


@cache
def _signs() -> dict[str, frozenset[str]]:
    """How the words of the vocabulary look in each disguise of a whole text."""
    plain = vocabulary()
    long = [word for word in plain if len(word) > 2]
    return {name: frozenset(map(change, long)) - plain for name, change in WHOLE.items()}


def views(text: str, normal: str, words: list[str]) -> Iterator[View]:
    """What `text` may hide; `normal` is its normalised form, of these words."""
    there = set(words)
    for name, signs in _signs().items():
        hits = signs & there
        if len(hits) >= LEAST_HITS and len(hits) >= LEAST_SHARE * len(there):
            yield View(name, WHOLE[name](normal))
    odd = [word for word in words if len(word) < 3 or not word.isalpha()]
    yield from _written_apart(text, normal, words)
    yield from _leetspeak(normal, odd)
    yield from _encoded(text, odd)
    if ("%" in text or "&" in text or "\\" in text) and len(ESCAPES.findall(text)) > 2:
        yield View("escapes", ESCAPED.sub(_unescaped, html.unescape(unquote(text))))


def _written_apart(text: str, normal: str, words: list[str]) -> Iterator[View]:
    """Words whose letters stand apart."""
    if not _has_spaced_letters(words):
        return
    if text[1::2].count(text[1]) > MOSTLY * len(text[1::2]):
        closed = text[::2]
        yield View(
            "spaced", closed if len(closed.split()) > 1 else " ".join(_cut(closed[:MOST_SPACED].lower(), vocabulary()))
        )
    elif runs := [run.span() for run in SPACED.finditer(normal)]:
        yield View("spaced", "\n".join(SPACED.sub(_closed_up, part) for part in _parts_around(normal, runs)))


def _has_spaced_letters(words: list[str]) -> bool:
    """Whether five words of one letter may be close enough for SPACED, which would look at every letter of the text."""
    single = [at for at, word in enumerate(words) if len(word) == 1 and word.isalnum()]
    close = 0
    for before, at in pairwise(single):
        close = close + 1 if at - before <= MOST_BETWEEN else 0
        if close == 4:
            return True
    return False


def _leetspeak(normal: str, odd: list[str]) -> Iterator[View]:
    """Words with digits and marks for letters."""
    marked = {word for word in odd if len(word) > 2 and word.isalnum()}
    if has_marks := bool(MARKED.search(normal)):
        marked |= {bare for word in normal.split() if len(bare := word.strip(AROUND_WORDS)) > 2 and not bare.isalpha()}
    for number, table in enumerate(LEETS if has_marks else LEETS[:2]):
        meant = {word: plain for word in marked if (plain := word.translate(table)) in vocabulary()}
        if len(meant) > 1 or (meant and len(marked) < 3):
            yield View("leetspeak", _unleeted(normal.split(), table, all_too=2 * len(meant) > len(normal.split()) // 5))
        if number == 0 and not any("1" in word for word in marked) and not has_marks:
            break


def _unleeted(words: Sequence[str], table: dict[int, int], *, all_too: bool) -> str:
    """Words of leetspeak made plain, with those around them; where there is much of it, numbers are words as well."""
    plain = list(words)
    changed = []
    for at, word in enumerate(words):
        bare = word.strip(AROUND_WORDS)
        if not bare.isalpha() and (all_too or not bare.isdigit()) and (meant := word.translate(table)) != word:
            plain[at] = meant
            changed.append((at, at + 1))
    return "\n".join(" ".join(plain[start:end]) for start, end in _around(changed, REACH))


def _parts_around(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    return (text[start:end] for start, end in _around(spans, REACH_LETTERS))


def _around(spans: Iterable[tuple[int, int]], reach: int) -> Iterable[tuple[int, int]]:
    """The spans, in their order, widened on both sides; those that then meet are one."""
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and start - reach <= found[-1][1]:
            found[-1] = (found[-1][0], end + reach)
        else:
            found.append((max(0, start - reach), end + reach))
    return found


def _encoded(text: str, odd: list[str]) -> Iterator[View]:
    if long := " ".join([word for word in text.split() if len(word) >= LEAST_ENCODED]):
        lines = text if 2 * len(long) > len(text) else long
        yield from _joined("base64", BASE64, lines, _from_base64)
        yield from _joined("hex", HEX, long, _from_hex)
    if len([word for word in odd if HEX_WORD(word)]) > 1:
        yield from _joined("hex", HEX, text, _from_hex)
    if text.count("00") + text.count("01") > 8:
        yield from _joined("binary", BINARY, text, _from_binary)
    if text.count(" -") + text.count(" .") + text.count(" ·") > 4:
        yield from _joined("morse", MORSE, text, _from_morse)
    if not text.isascii() and SELECTORS.search(text):
        yield from _joined("variation_selectors", SELECTORS, text, _from_selectors)


def _joined(name: str, pattern: re.Pattern[str], text: str, decode: Callable[[str], str]) -> Iterator[View]:
    pieces = (decode(match[0]) for match in islice(pattern.finditer(text), MOST_PIECES))
    if found := "\n".join(filter(None, pieces))[:MOST_DECODED]:
        yield View(name, found)


def _readable(raw: bytes) -> str:
    """The text that bytes are, or nothing where they are none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    shown = sum(map(str.isprintable, text)) + text.count("\n")
    return text if shown >= 0.9 * len(text) else ""


def _from_base64(piece: str) -> str:
    for candidate in ("".join(piece.split()), max(piece.split(), key=len)):
        letters = candidate.rstrip("=").replace("-", "+").replace("_", "/")[: 2 * MOST_DECODED]
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        try:
            if found := _readable(base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)):
                return found
        except binascii.Error:
            continue
    return ""


def _from_hex(piece: str) -> str:
    digits = "".join(re.findall("[0-9a-fA-F]{2}", re.sub(r"0x|\\x", " ", piece)))
    return _readable(bytes.fromhex(digits[: 2 * MOST_DECODED]))


def _from_binary(piece: str) -> str:
    return _readable(bytes(int(byte, 2) for byte in re.findall("[01]{8}", piece)))


def _from_morse(piece: str) -> str:
    plain = piece.translate(str.maketrans("·–−", ".--"))
    words = re.split(r"\s*[/|]+\s*|\s{3,}", plain)
    return " ".join("".join(MORSE_LETTERS.get(code, "") for code in word.split()) for word in words)


def _from_selectors(piece: str) -> str:
    """Bytes as variation selectors, which show as nothing behind an emoji."""
    return _readable(bytes(ord(each) - 0xFE00 if ord(each) < 0xFE10 else ord(each) - 0xE0100 + 16 for each in piece))


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _closed_up(found: re.Match[str]) -> str:
    """Words from letters that were set apart. Where wider gaps tell the words, these do; else the vocabulary."""
    run = found[0]
    gaps = re.findall(r"[^\w]+", run)
    widest, narrowest = max(map(len, gaps)), min(map(len, gaps))
    if widest > narrowest:
        return re.sub(rf"[^\w]{{{widest}}}", "\0", run).translate(_GONE).replace("\0", " ")
    letters = "".join(char for char in run if char.isalnum())
    return " ".join(_cut(letters[:MOST_SPACED], vocabulary()))


_GONE = {ord(mark): None for mark in " .,-_*/|~+:;'\"!"}


def _cut(letters: str, words: Set[str]) -> Iterable[str]:
    """The letters cut into as few words as can be, of those that are known; letters between them stay together."""
    costs, starts = [0.0], [0]
    for end in range(1, len(letters) + 1):
        cost, start = costs[end - 1] + UNKNOWN_LETTER, end - 1
        for begin in range(max(0, end - LONGEST_WORD), end):
            if costs[begin] + 1 < cost and letters[begin:end] in words:
                cost, start = costs[begin] + 1, begin
        costs.append(cost)
        starts.append(start)
    found: list[str] = []
    end, unknown = len(letters), len(letters)
    while end:
        start = starts[end]
        if costs[end] - costs[start] != UNKNOWN_LETTER:
            found += [letters[end:unknown]] if end < unknown else []
            found.append(letters[start:end])
            unknown = start
        end = start
    found += [letters[:unknown]] if unknown else []
    return reversed(found)
