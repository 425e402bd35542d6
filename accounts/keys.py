"""API keys as text: made, checked for typing errors, digested. Nothing here knows the database.

A key is `ap_live_<id>_<secret>_<checksum>`: a public id of 8 characters, 43 random ones (256 bits), and the CRC-32 of
all that stands before it, each in base 62. So we, and secret scanners, know a mistyped key without a look-up.
"""

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

from django.conf import settings

START = "ap_live_"
PATTERN = re.compile(r"ap_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
MAX_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the secret to show once, the part that lists show, and what is stored instead of the secret."""

    secret: str
    prefix: str
    digest: bytes


def make() -> NewKey:
    """Make a key that nobody has or will guess."""
    prefix = START + _random(8)
    body = f"{prefix}_{_random(43)}"
    secret = f"{body}_{checksum(body)}"
    return NewKey(secret=secret, prefix=prefix, digest=digest(secret))


def bearer(authorization: str) -> str:
    """The key in an Authorization header; empty when it has none."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def is_wellformed(secret: str) -> bool:
    """Tell whether the text can be a key at all: ours carry a checksum, operators' own may have any form."""
    if not secret.startswith(START):
        return 0 < len(secret) <= MAX_CHARACTERS and secret.isascii() and secret.isprintable() and " " not in secret
    body, _, given = secret.rpartition("_")
    return PATTERN.fullmatch(secret) is not None and hmac.compare_digest(given, checksum(body))


def digest(secret: str) -> bytes:
    """HMAC-SHA256 under API_KEY_PEPPER, 32 bytes: a stolen table is no use without the pepper."""
    return hmac.digest(settings.API_KEY_PEPPER.encode(), secret.encode(), "sha256")


def checksum(body: str) -> str:
    """CRC-32 of the text in six digits of base 62, most significant first."""
    value = zlib.crc32(body.encode())
    digits = []
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
