"""What a result must not hold: the agent's own instructions, keys that nobody gave it, and links that carry data away.

Pure: the result and what the agent knew in, the name of a rule out.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from agents.guards.masking import secrets_in

WORD = re.compile(r"\w+")
RUN = 8
"""Words of the instructions in a row, as they stand there, that nobody writes by chance."""
LEAST_RUNS = 6
"""How many of these, which overlap, are a leak: 13 words in a row, or several shorter parts."""
LEAST_SHARE = 0.8
"""Of instructions that are shorter than that, this share of the runs."""
ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]}]+", re.IGNORECASE)
IMAGE = re.compile(
    r"!\[[^\]]{0,300}\]\(\s*<?(https?://[^\s)>]+)|<img\b[^>]{0,300}?\bsrc\s*=\s*[\"']?(https?://[^\s\"'>]+)",
    re.IGNORECASE,
)
MOST_DATA = 64
"""Characters of data in a link to somewhere new, from which it is taken to carry something away."""

LONGEST_PATH = 120


def found_in(result: str, *, instructions: Collection[str], sent: Collection[str], read: Iterable[str]) -> str:
    """The rule that a result breaks; empty when it breaks none.

    `instructions` are those of the agents at work, `sent` is what the client wrote, `read` what tools returned. The rules:
    `leaked_instructions`; `leaked_secret`, a key that the client did not send; `exfiltration_link`, an image with data in its
    address at a host that the client did not name, which is loaded as soon as it is shown, or a link full of data to a host
    that nobody named.
    """
    if any(_repeats(result, own) for own in instructions):
        return "leaked_instructions"
    if any(not any(secret in text for text in sent) for secret in secrets_in(result)):
        return "leaked_secret"
    if "://" in result and _carries_away(result, [*sent, *instructions], read):
        return "exfiltration_link"
    return ""


def _repeats(result: str, instructions: str) -> bool:
    own = _runs_of(instructions)
    if not own:
        return False
    shared = own & _runs(result)
    return len(shared) >= min(LEAST_RUNS, max(1, LEAST_SHARE * len(own)))


@lru_cache(maxsize=256)
def _runs_of(instructions: str) -> frozenset[tuple[str, ...]]:
    return _runs(instructions)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = WORD.findall(text.casefold())
    return frozenset(zip(*(words[start:] for start in range(RUN)), strict=False))


def _carries_away(result: str, trusted: Iterable[str], read: Iterable[str]) -> bool:
    named = _hosts(trusted)
    images = (match[1] or match[2] for match in IMAGE.finditer(result))
    if any(_data_of(address) and _host(address) not in named for address in images):
        return True
    full = [address for address in ADDRESS.findall(result) if len(_data_of(address)) >= MOST_DATA]
    return any(_host(address) not in named | _hosts(read) for address in full)


def _hosts(texts: Iterable[str]) -> set[str]:
    return {_host(address) for text in texts for address in ADDRESS.findall(text)}


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").casefold()
    except ValueError:
        return ""


def _data_of(address: str) -> str:
    """What a link says beside where it leads: its query, its fragment, and a path that is longer than paths are."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    return unquote(parts.query + parts.fragment + (parts.path if len(parts.path) > LONGEST_PATH else ""))
