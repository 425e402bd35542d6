"""Files that only their owner may read, written at once or not at all."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write the file with mode 0600; whoever reads it meanwhile finds the old content or the new, never half of it."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as new_file:
        new_file.write(text)
    draft.replace(file)
