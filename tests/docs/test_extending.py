"""docs/extending.md: its recipes, followed to the letter in a copy of the project, work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import recipes

PAGE = "docs/extending.md"
# What the recipes name beside their own tests: each of these would fail if a step were missing.
ALSO = [
    "tests/agentplatform/test_schema.py",
    "tests/agentplatform/test_settings_reference.py",
    "tests/agents/test_execute.py::test_the_types_are_those_the_key_may_call",
]


def run(project: Path, *arguments: str) -> None:
    """Run a Python module in the copy, as somebody would who has just cloned it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "TESTS_FOLDER"):
        environment.pop(name, None)
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-3000:]


@pytest.mark.timeout(900)
def test_the_recipes_work_to_the_letter(tmp_path: Path) -> None:
    project = recipes.copy_of_the_project(tmp_path)
    steps = recipes.steps(PAGE)
    for step in steps:
        recipes.follow(step, project)
    touched = sorted({step.path for step in steps})
    added = [step.path for step in steps if step.block.language == "python" and step.path.startswith("tests/")]

    run(project, "manage.py", "settingsreference")
    run(project, "-m", "ruff", "check", *touched)
    run(project, "-m", "ruff", "format", "--check", *touched)
    run(project, "-m", "pytest", "-q", "-n0", *added, *ALSO)
