#!/usr/bin/env python
"""Django's command line for the platform: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentplatform.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. `make run` installs everything and starts the platform.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
