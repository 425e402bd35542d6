"""Where the embedded stores of a data folder listen, for every process that shares the folder.

settings.py reads this in each process, so it imports little and no Django.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from agentplatform.embedded.claim import is_claimed
from agentplatform.embedded.private_files import write_private


@dataclass(frozen=True)
class Addresses:
    """URLs of the embedded parts that run; None for a part that does not."""

    database_url: str | None = None
    redis_url: str | None = None
    model_url: str | None = None


def read(data_dir: Path) -> Addresses:
    """Give the addresses of the platform that runs on this folder, or empty ones when none does."""
    try:
        recorded = Addresses(**json.loads(_file(data_dir).read_text()))
    except (OSError, ValueError, TypeError):
        # Missing, unreadable, or written by another version: as good as nothing running.
        return Addresses()
    return recorded if is_claimed(data_dir) else Addresses()


def write(data_dir: Path, addresses: Addresses) -> None:
    """Record the addresses. They hold passwords, so only the owner may read them."""
    write_private(_file(data_dir), json.dumps(asdict(addresses)))


def forget(data_dir: Path) -> None:
    """Remove what an earlier run recorded."""
    _file(data_dir).unlink(missing_ok=True)


def _file(data_dir: Path) -> Path:
    return data_dir / "embedded.json"
