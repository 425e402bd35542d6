"""Which tasks run a version that is tried out. Plain arithmetic: no state, no query, and the same answer everywhere.

A unit is what stays together: a conversation, a repeated request, or a task. Its place between 0 and 1 is a hash of it and of
the candidate, so each trial draws anew, and a larger share keeps all units that a smaller one had.
"""

import hashlib

RANGE = 1 << 64


def takes_candidate(candidate_id: int, unit: str, percent: int) -> bool:
    """Whether tasks of this unit run the candidate, when so many of a hundred shall."""
    digest = hashlib.blake2b(f"{candidate_id}:{unit}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) * 100 < percent * RANGE
