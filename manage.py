#!/usr/bin/env python
"""Django's command line for the platform: `python manage.py help` lists what it can do."""

import os
import sys

UNREACHABLE = "The database cannot be reached. Start the platform with `make run`, or name a server in DATABASE_URL."


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentplatform.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        sys.exit("Django is not installed here. `make run` installs everything and starts the platform.")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(f"{UNREACHABLE} ({str(error).strip().splitlines()[0]})")


if __name__ == "__main__":
    main()
