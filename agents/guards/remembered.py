"""What the guard said of a text lately: a system's tasks repeat each other, and their context nearly always does."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from agents.guards import injection
from agents.guards.injection import Verdict

MOST = 4096
_known: OrderedDict[bytes, Verdict] = OrderedDict()


def check(text: str) -> Verdict:
    """As `injection.check`, at once for a text that was judged lately. Of texts the digests alone are kept."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
    if (verdict := _known.get(digest)) is None:
        verdict = _known[digest] = injection.check(text)
        with suppress(KeyError):  # another thread may have been quicker
            if len(_known) > MOST:
                _known.popitem(last=False)
    return verdict


def check_all(texts: Iterable[str]) -> Verdict:
    """Judge several texts; the worst decides."""
    return max(map(check, texts), key=lambda verdict: verdict.score, default=Verdict("pass"))


def forget() -> None:
    """Drop what is remembered."""
    _known.clear()
