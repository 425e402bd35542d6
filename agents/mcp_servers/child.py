"""Becomes an MCP server's command, after Linux was told to end it together with the platform's process.

It is run as a file, in an interpreter without the platform's modules and environment: `python -I -S child.py <parent> <command>`.
Code between fork and exec of a process with many threads would be the other way, and a risky one.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bind this process to the parent that is named, and become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The platform's process has ended.")
    try:
        os.execvp(command[0], command)  # noqa: S606  # the words of a command that the deployment permits
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
