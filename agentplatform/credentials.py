"""Credentials of other services, encrypted as the database keeps them: what is in a table, a dump or a log opens nothing.

Keys are made of CREDENTIALS_KEYS, or of SECRET_KEY where that is not set. The first encrypts, each opens, so that keys can be
changed while the platform runs; `manage.py resealcredentials` then encrypts everything anew.
"""

import base64
import json
from collections.abc import Mapping
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"agentplatform: credentials of other services"


class CannotOpen(Exception):
    """None of the keys opens this credential."""

    def __init__(self) -> None:
        super().__init__(
            "The stored credentials cannot be decrypted: they were stored under another key. Put that key back into "
            "CREDENTIALS_KEYS, or enter the credentials anew."
        )


def seal(values: Mapping[str, str]) -> str:
    """The named values, encrypted; empty for none of them. Sealing twice gives two texts."""
    return _fernet(_keys()).encrypt(json.dumps(dict(values)).encode()).decode() if values else ""


def opened(sealed: str) -> dict[str, str]:
    """The named values again. Raises CannotOpen."""
    if not sealed:
        return {}
    try:
        values: dict[str, str] = json.loads(_fernet(_keys()).decrypt(sealed.encode()))
    except InvalidToken as error:
        raise CannotOpen from error
    return values


def resealed(sealed: str) -> str:
    """The same, encrypted under the newest key. Raises CannotOpen."""
    return seal(opened(sealed))


def _keys() -> tuple[str, ...]:
    return tuple(settings.CREDENTIALS_KEYS) or (settings.SECRET_KEY,)


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
