"""One owner a data folder: the claim is a file lock, so it ends with its process, `kill -9` included."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from agentplatform.embedded.errors import AlreadyClaimed, FolderUnusable

# Whoever asks `is_claimed` holds a shared lock for some microseconds; a claimer waits those out.
PATIENCE_SECONDS = 1.0


@contextlib.contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Make the folder (only its owner may enter) and own it until the block ends.

    Raises AlreadyClaimed when another process owns it, FolderUnusable when it cannot be made or written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Python's descriptors are not inherited, so no child keeps the claim of a dead parent.
        descriptor = os.open(_lock_file(data_dir), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderUnusable(f"cannot use DATA_DIR={data_dir}: {error.strerror}") from error
    try:
        _lock(descriptor, data_dir)
        yield
    finally:
        os.close(descriptor)


def is_claimed(data_dir: Path) -> bool:
    """Tell whether a living process owns the folder; false for a folder that is missing or not ours to read."""
    try:
        descriptor = os.open(_lock_file(data_dir), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "lock"


def _lock(descriptor: int, data_dir: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise AlreadyClaimed(f"another platform runs with DATA_DIR={data_dir}") from error
            time.sleep(0.02)
