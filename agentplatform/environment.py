"""Typed reading of the environment: a bad value ends the start with one line that says what would be right.

A variable that is read with its `meaning` is a setting: it appears in `.env.example` and `docs/settings.md`, which
`make docs` writes. Without a meaning it is only read.
"""

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

import environ

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the reference says of one variable: what it takes, and its default, or else in words what holds without it."""

    name: str
    section: str
    takes: str
    default: str
    unset: str
    meaning: str


declared: dict[str, Setting] = {}
_section = ""


def section(title: str) -> None:
    """Begin a section of the reference: the settings read from here on belong to it."""
    global _section
    _section = title


def _declare(name: str, takes: str, default: object, meaning: str, unset: str) -> None:
    if meaning:
        shown = "" if unset else str(default)
        declared[name] = Setting(name=name, section=_section, takes=takes, default=shown, unset=unset, meaning=meaning)


def refuse(name: str, problem: str) -> NoReturn:
    """End the process with one line that names the variable and what it takes."""
    sys.exit(f"{name}: {problem}")


def load_dotenv(path: Path) -> None:
    """Fill unset variables from a `.env` file, when there is one; the real environment wins."""
    if path.is_file():
        environ.Env.read_env(path, overwrite=False)


def text(name: str, default: str = "", *, meaning: str = "", unset: str = "") -> str:
    """The variable without surrounding white space, or else the content of the file that NAME_FILE names.

    The file is for secrets that a container is given as one. Empty counts as unset, for both.
    """
    _declare(name, "text", default, meaning, unset)
    return os.environ.get(name, "").strip() or _file_content(f"{name}_FILE") or default


def _file_content(name: str) -> str:
    path = os.environ.get(name, "").strip()
    try:
        return Path(path).read_text().strip() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not text"
        refuse(name, f"{path} cannot be read: {problem}. It takes a text file that the user {os.getuid()} may read.")


def choice(name: str, default: str, allowed: Iterable[str], *, meaning: str = "") -> str:
    """One of the allowed words."""
    value = text(name, default)
    options = list(allowed)
    _declare(name, _alternatives(f"`{option}`" for option in options), default, meaning, "")
    if value not in options:
        refuse(name, f"{value!r} is not one of {', '.join(options)}.")
    return value


def number(name: str, default: int, *, least: int, most: int, meaning: str = "", unset: str = "") -> int:
    """A whole number within bounds, both included."""
    _declare(name, f"{least} to {most}", default, meaning, unset)
    return _parsed(name, default, int, least, most, "a whole number")


def decimal(name: str, default: float, *, least: float, most: float, meaning: str = "") -> float:
    """A number within bounds, both included."""
    _declare(name, f"{least} to {most}, with decimals", default, meaning, "")
    return _parsed(name, default, float, least, most, "a number")


def _parsed(name: str, default: T, parse: Callable[[str], T], least: T, most: T, kind: str) -> T:
    value = text(name)
    if not value:
        return default
    try:
        parsed = parse(value)
    except ValueError:
        refuse(name, f"{value!r} is not {kind}; it takes {least} to {most}.")
    if not least <= parsed <= most:  # type: ignore[operator]  # int or float, both ordered
        refuse(name, f"{value} is out of range; it takes {least} to {most}.")
    return parsed


def words(name: str, *, meaning: str = "", unset: str = "") -> list[str]:
    """A comma-separated list without its empty items."""
    _declare(name, "words separated by commas", "", meaning, unset)
    return [word.strip() for word in text(name).split(",") if word.strip()]


def url(name: str, default: str, schemes: tuple[str, ...], *, meaning: str = "", unset: str = "") -> str:
    """A URL with one of the schemes and a host. The value is not echoed: it may hold a password."""
    forms = [f"{scheme}://…" for scheme in schemes]
    _declare(name, _alternatives(forms), default, meaning, unset)
    value = text(name, default)
    try:
        parts = urlsplit(value)
        fits = not value or (parts.scheme in schemes and (bool(parts.hostname) or parts.scheme == "unix"))
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:
        fits = False
    if not fits:
        refuse(name, f"not a URL it can use; it takes {' or '.join(forms)}.")
    return value


def _alternatives(options: Iterable[str]) -> str:
    *others, last = options
    return f"{', '.join(others)} or {last}" if others else last
