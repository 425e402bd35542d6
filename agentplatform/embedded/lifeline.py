"""No process outlives its parent, not even one ended by `kill -9`: Linux's parent-death signal."""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
# Set by a supervisor for its children; a process started any other way keeps Linux's usual behaviour.
VARIABLE = "DIE_WITH_PARENT"

# Loaded before any fork: loading in the forked child could wait for a lock that no thread there will ever release.
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process the signal when its parent dies, if a supervisor asked for it.

    Call it early in a process that a library forks, a web server's worker for one.
    """
    if os.environ.get(VARIABLE) != "1":
        return
    parent = multiprocessing.parent_process()
    bind_to_parent(signal_number, parent.pid if parent is not None and parent.pid else os.getppid())


def bind_to_parent(signal_number: signal.Signals, parent: int) -> None:
    """Bind this process to its parent; end it at once when `parent` has died already.

    The kernel watches the thread that forked, so the parent must fork from its main thread.
    """
    if _libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def binder(signal_number: signal.Signals, before: Callable[[], None] | None = None) -> Callable[[], None]:
    """Give the `preexec_fn` that binds a child to this process, after `before` changed whom the child runs as."""
    parent = os.getpid()

    def bind() -> None:
        if before is not None:
            before()  # first: the kernel drops the death signal when a process changes its credentials
        bind_to_parent(signal_number, parent)

    return bind
