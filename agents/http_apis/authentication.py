"""How an API is told who calls: the kinds that are served, and what each adds to a request."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models


class Scheme(models.TextChoices):
    """The kinds."""

    NONE = "none", "None"
    BEARER = "bearer", "Bearer token (Authorization: Bearer …)"
    BASIC = "basic", "User and password (Authorization: Basic …)"
    HEADER = "header", "API key in a header"
    QUERY = "query", "API key in the query"


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to a request, and the texts that no answer may repeat to a model."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def additions(scheme: str, name: str, credentials: Mapping[str, str]) -> Additions:
    """The additions of a scheme; none where no credentials are stored."""
    secret = credentials.get("secret", "")
    if not secret:
        return Additions()
    match scheme:
        case Scheme.BEARER:
            return Additions(headers={"Authorization": f"Bearer {secret}"}, secrets=(secret,))
        case Scheme.BASIC:
            pair = f"{credentials.get('user', '')}:{secret}"
            encoded = base64.b64encode(pair.encode()).decode()
            return Additions(headers={"Authorization": f"Basic {encoded}"}, secrets=(pair, encoded, secret))
        case Scheme.HEADER:
            return Additions(headers={name: secret}, secrets=(secret,))
        case Scheme.QUERY:
            return Additions(query={name: secret}, secrets=(secret,))
    return Additions()
