"""PostgreSQL refuses to run as root, so root's child becomes nobody: in a user namespace, or really."""

import ctypes
import errno
import functools
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

NOBODY = 65_534
CLONE_NEWUSER = 0x1000_0000

_libc = ctypes.CDLL(None, use_errno=True)


def is_root() -> bool:
    """Tell whether this process is one that PostgreSQL refuses to run as."""
    return os.geteuid() == 0


@functools.cache
def has_user_namespaces() -> bool:
    """Tell whether this kernel lets us make a user namespace; many containers do not."""
    try:
        return subprocess.run([sys.executable, "-c", ""], preexec_fn=enter_namespace, check=False).returncode == 0
    except subprocess.SubprocessError:
        return False


def enter_namespace() -> None:
    """Become nobody in a new user namespace: files stay ours, no owner or mode of any folder has to change."""
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno() or errno.EPERM, "unshare(CLONE_NEWUSER) failed")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def become_nobody() -> Callable[[], None]:
    """Give the function that turns a child of root into the machine's real `nobody`."""
    nobody = pwd.getpwnam("nobody")

    def change_user() -> None:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)

    return change_user


def give_to_nobody(folder: Path) -> None:
    """Hand over a folder to `nobody`; the folder is one we made for that."""
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
