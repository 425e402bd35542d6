"""Standard output, for as long as somebody reads it."""

import os
import signal
import sys


def to_stdout(text: str) -> None:
    """Write and flush; once nobody reads the log any more (a closed pipe or terminal), end the run as TERM would."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        # Nothing that is written from here on, by us or by Python at its end, may fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGTERM)
