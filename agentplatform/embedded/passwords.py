"""Random passwords, made once a data folder and kept in files that only their owner may read."""

import contextlib
import os
import secrets
from pathlib import Path


def password(data_dir: Path, name: str) -> str:
    """Give the folder's password of that name, making it the first time."""
    file = data_dir / f"{name}.password"
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as new_file:
            new_file.write(secrets.token_urlsafe(18))
    return file.read_text()
