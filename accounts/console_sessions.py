"""Whether a request to the console comes from an operator who is signed in: for what is decided before Django reads it."""

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY

from agentplatform.database import in_database
from agentplatform.early_refusal import Scope
from agentplatform.errors import Unavailable


async def is_signed_in(scope: Scope) -> bool:
    """Whether the request carries the cookie of a live session; what the operator may do, Django decides."""
    # HTTP/2 may send them apart.
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    try:
        cookie = SimpleCookie(cookies.decode("latin1")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return False
    try:
        return cookie is not None and await in_database(_is_live, cookie.value)
    except Unavailable:
        return False


def _is_live(key: str) -> bool:
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return SESSION_KEY in session
