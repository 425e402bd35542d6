"""The package as it is given away: built, installed in an environment of its own, and used from there."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

import agentplatform_client
from tests.clients.agentctl import ROOT

PACKAGE = ROOT / "clients/python"
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, **environment: str) -> str:
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=PACKAGE, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # With the build program that is here, so that no network is needed.
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_what_it_should(wheel: Path) -> None:
    assert wheel.name == f"agentplatform_client-{agentplatform_client.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        names = {name.partition("/")[2] for name in file.namelist()}
        tops = {name.partition("/")[0] for name in file.namelist()}
    assert {"py.typed", "_sync/client.py", "_async/client.py", "cli/__init__.py", "licenses/LICENSE"} <= names
    assert tops == {"agentplatform_client", wheel.name.replace("-py3-none-any.whl", ".dist-info")}


def test_installed_from_the_wheel_it_runs(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    run(UV, "venv", "--offline", "--quiet", "--python", sys.executable, environment)
    run(UV, "pip", "install", "--offline", "--quiet", "--no-deps", "--python", environment / "bin/python", wheel)
    # What it needs is taken from where the tests have it.
    needs = {"PYTHONPATH": sysconfig.get_path("purelib")}
    assert run(environment / "bin/agentctl", "--version", **needs) == f"agentctl {agentplatform_client.__version__}\n"
    program = "import agentplatform_client as c; c.Agentplatform('http://h', 'k'); print(c.__file__)"
    assert str(environment) in run(environment / "bin/python", "-c", program, **needs)


def test_it_asks_for_what_is_tested() -> None:
    """Each package that it wants is among the locked ones, in a version that it takes."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["cli"]]
    assert len(wanted) == 5
    run(UV, "pip", "install", "--offline", "--dry-run", "--no-deps", "--python", sys.executable, *wanted)


def test_the_synchronous_half_is_that_of_the_asynchronous_one() -> None:
    run(sys.executable, PACKAGE / "make_sync.py", "--check")


def test_its_licence_is_the_projects() -> None:
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
