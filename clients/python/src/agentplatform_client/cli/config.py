"""Where `agentctl` takes the platform's URL and the key from: options, then the environment, then a file."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from agentplatform_client.errors import ConfigurationError

FILE_VARIABLE = "AGENTPLATFORM_CONFIG"
FIELDS = ("url", "api_key")
EXAMPLE = 'url = "https://agents.example.com" and api_key = "…"'


@dataclass(frozen=True)
class Config:
    """What the file says, and what is to be said about the file."""

    url: str | None = None
    api_key: str | None = None
    warning: str | None = None


def usual_path() -> Path:
    """`~/.config/agentplatform/config.toml`, or where XDG_CONFIG_HOME says."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "agentplatform" / "config.toml"


def read(named: str | None) -> Config:
    """The file's settings; nothing when there is no file and none was named. Raises ConfigurationError."""
    path = Path(named) if named else usual_path()
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except FileNotFoundError:
        if named:
            raise ConfigurationError(f"There is no file {path}.") from None
        return Config()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}."
        ) from None
    fields = _fields(text, path)
    is_open = os.name == "posix" and mode & 0o077 and "api_key" in fields
    warning = f"{path} holds a key and can be read by others: chmod 600 {path}" if is_open else None
    return Config(fields.get("url"), fields.get("api_key"), warning)


def _fields(text: str, path: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is no TOML ({error}); it takes {EXAMPLE}.") from None
    wrong = [name for name, value in found.items() if name not in FIELDS or not isinstance(value, str)]
    if wrong:
        raise ConfigurationError(f"{path}: {wrong[0]} is not understood; it takes {EXAMPLE}.")
    return found
