"""Credentials blanked in what is shown to models, clients and operators, should somebody's answer repeat one."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 6
BLANK = "[redacted]"


def without(secrets: Iterable[str], text: str) -> str:
    """The text without the secrets, however an answer may have written them. Those too short to be told from words stay."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            for form in _forms(secret):
                text = text.replace(form, BLANK)
    return text


def _forms(secret: str) -> list[str]:
    """The longest first: a short one may be part of it."""
    encoded = base64.b64encode(secret.encode()).decode()
    forms = {
        secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe=""),
        quote_plus(secret), encoded, encoded.rstrip("="),
    }  # fmt: skip
    return sorted(forms, key=len, reverse=True)
