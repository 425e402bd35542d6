"""Random passwords, made once a data folder."""

import secrets
from pathlib import Path

from agentplatform.embedded.private_files import write_private


def password(data_dir: Path, name: str) -> str:
    """Give the folder's password of that name, making it the first time. For the folder's owner alone (see claim.py)."""
    file = data_dir / f"{name}.password"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(18))
    return file.read_text()
