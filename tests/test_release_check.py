"""tests/release_check.py as it is called; the steps that take long are the release's own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentplatform import __version__
from tests import release_check
from tests.api import Api

SCRIPT = Path(release_check.__file__)


def checked(*arguments: str) -> "subprocess.CompletedProcess[str]":
    # In isolated mode, without site-packages: it must start with nothing but Python itself.
    return subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, *arguments], capture_output=True, text=True, timeout=50, check=False
    )


def test_the_version_stands_in_one_place(api: Api) -> None:
    assert release_check.version() == __version__
    assert api.get("/health").json()["version"] == __version__
    assert json.loads(api.get("/openapi.json").text)["info"]["version"] == __version__
    places = [
        path
        for folder in ("accounts", "agentplatform", "agents", "feedback", "deploy")
        for path in (release_check.ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".yaml", ".toml", ".json", ".html"} and f'"{__version__}"' in path.read_text()
    ]
    assert places == [release_check.ROOT / "agentplatform/__init__.py"]


def test_it_ends_with_a_table_of_what_was_asked_for() -> None:
    done = checked("--only", "licences")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("[1/1] licences …\n[1/1] licences: ok after ")
    assert re.search(r"^ok +licences +\d+ s  \d+ packages, all licences allowed\.$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("All is well (of what was asked for).\n")


def test_it_refuses_a_step_that_does_not_exist() -> None:
    done = checked("--only", "licenses")
    assert done.returncode == 2
    assert "licenses is no step; it takes tree, changelog," in done.stderr


def test_a_version_without_an_entry_is_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_check, "version", lambda: "99.0.0")
    outcome = release_check.tried(release_check.Step("changelog", release_check.changelog))
    assert (outcome.word, outcome.detail) == ("FAILED", "CHANGELOG.md lacks `## [99.0.0] - <year-month-day>`")


def test_a_failing_command_shows_its_end_and_where_the_rest_is(capsys: pytest.CaptureFixture[str]) -> None:
    def check() -> str:
        return release_check.run("a-test", sys.executable, "-c", "print('the reason'); raise SystemExit(3)")

    outcome = release_check.tried(release_check.Step("a-test", check))
    assert outcome.word == "FAILED"
    assert outcome.detail.endswith("ended with 3; test-results/release-check/a-test.log has all of it")
    assert "    the reason\n" in capsys.readouterr().out


def test_it_finds_this_python_by_its_name_and_among_pyenvs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    (home := tmp_path / f"versions/{wanted}.0/bin").mkdir(parents=True)
    (home / "python").symlink_to(Path(sys.base_prefix) / f"bin/python{wanted}")
    # A shim that leads nowhere stands first on the PATH.
    (tmp_path / f"python{wanted}").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / f"python{wanted}").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert release_check.find_python(wanted) == home / "python"


def test_an_image_that_cannot_be_built_here_is_not_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    step = release_check.Step("image", release_check.image)
    assert release_check.tried(step).detail == "Docker does not answer here; take this step where it does"
    # A Docker that answers and has no plugin.
    (tmp_path / "docker").write_text('#!/bin/sh\n[ "$1" = info ]\n')
    (tmp_path / "docker").chmod(0o755)
    outcome = release_check.tried(step)
    assert (outcome.word, outcome.detail.endswith("install its plugin buildx")) == ("NOT TRIED", True)


def test_it_says_which_python_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    outcome = release_check.tried(release_check.Step("python-3.99", lambda: str(release_check.find_python("3.99"))))
    assert outcome.word == "NOT TRIED"
    assert outcome.detail == "python3.99 is neither on the PATH nor among pyenv's: `pyenv install 3.99`"
