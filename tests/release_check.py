"""Is this commit fit to be released? `make release-check`; docs/releasing.md says what comes before and after.

    python3 tests/release_check.py                        everything, which takes long
    python3 tests/release_check.py --only licences,docs   some of it
    python3 tests/release_check.py --tests "tests/agents" for the three Pythons, a part of the tests

Nothing but Python itself is needed to start it. Each step's output goes to test-results/release-check/.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "test-results/release-check"
PYTHONS = ("3.11", "3.12", "3.13")
TAIL_LINES = 30


class Unfit(Exception):
    """A step failed, with the reason in a line."""


class Impossible(Exception):
    """A step could not be tried here, with the reason in a line. A release wants it tried elsewhere."""


@dataclass(frozen=True)
class Step:
    """One thing that a release needs."""

    name: str
    check: Callable[[], str]
    """Says in a few words what it found, or raises Unfit or Impossible."""


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    name: str
    word: str
    detail: str
    seconds: float


def version() -> str:
    """The version that the code says it is."""
    said = re.search(r'^__version__ = "(.+)"$', (ROOT / "agentplatform/__init__.py").read_text(), re.MULTILINE)
    assert said is not None
    return said[1]


def run(log: str, *command: str | Path, folder: Path = ROOT) -> str:
    """Run a command there, with its output in a file; give the output, or raise Unfit with its end shown."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{log}.log"
    # What the make around us was told is not for those that we start.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"}
    }
    with path.open("w") as file:
        ended = subprocess.run(
            [str(word) for word in command],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    output = path.read_text(errors="replace")
    if ended.returncode:
        print("\n".join(f"    {line}" for line in output.splitlines()[-TAIL_LINES:]), flush=True)
        raise Unfit(
            f"`{shlex.join(map(str, command))}` ended with {ended.returncode}; {path.relative_to(ROOT)} has all of it"
        )
    return output


def works(*command: str | Path) -> bool:
    """Whether the command ends well."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def clean_tree() -> str:
    """What is checked is what is committed."""
    changed = run("tree", "git", "status", "--porcelain").splitlines()
    if changed:
        raise Unfit(f"{len(changed)} files are not committed, such as {changed[0][3:]}")
    return run("commit", "git", "log", "-1", "--format=%h %s").strip()


def changelog() -> str:
    """The version has an entry with a day."""
    heading = re.compile(rf"^## \[{re.escape(version())}\] - (\d{{4}}-\d{{2}}-\d{{2}})$", re.MULTILINE)
    entry = heading.search((ROOT / "CHANGELOG.md").read_text())
    if entry is None:
        raise Unfit(f"CHANGELOG.md lacks `## [{version()}] - <year-month-day>`")
    return f"{version()} of {entry[1]}"


def lint() -> str:
    """Style, types, and who imports whom."""
    run("lint", "make", "lint")
    return "style, types, imports"


def python() -> Path:
    """The interpreter of the development's environment, which is made where it is missing."""
    run("install", "make", ".venv/.installed-dev")
    return ROOT / ".venv/bin/python"


def licences() -> str:
    """Every package's licence is allowed and listed."""
    return run("licences", python(), "tests/licences.py", "--check").strip()


def docs() -> str:
    """The documents' links lead somewhere, their commands work, the settings are listed."""
    run("settings", python(), "manage.py", "settingsreference", "--check")
    return summary(run("docs", python(), "-m", "pytest", "tests/docs"))


def client() -> str:
    """The Python client is built, and runs where it is installed from the index with what it wants."""
    package = ROOT / "clients/python"
    with tempfile.TemporaryDirectory() as folder:
        run("client-build", python(), "-m", "hatchling", "build", "--directory", folder, folder=package)
        (wheel,) = Path(folder).glob("*.whl")
        (archive,) = Path(folder).glob("*.tar.gz")
        for name, built in (("wheel", wheel), ("sdist", archive)):
            environment = Path(folder) / name
            run(f"client-{name}", sys.executable, "-m", "venv", environment)
            run(f"client-{name}", environment / "bin/pip", "install", "--quiet", f"{built}[cli]")
            said = run(f"client-{name}", environment / "bin/agentctl", "--version").split()[-1]
            if said not in wheel.name:
                raise Unfit(f"agentctl of {built.name} says that it is {said}")
    return f"{wheel.name}, {archive.name}"


def image() -> str:
    """The image builds and is of this version."""
    if shutil.which("docker") is None or not works("docker", "info"):
        raise Impossible("Docker does not answer here; take this step where it does")
    if not works("docker", "buildx", "version"):
        raise Impossible("Docker has no BuildKit here, which the Dockerfile wants: install its plugin buildx")
    tag = f"agentplatform:{version()}"
    run("image", "docker", "build", "--build-arg", f"VERSION={version()}", "--tag", tag, ".")
    asked = ("docker", "run", "--rm", tag, "python", "-c", "import agentplatform; print(agentplatform.__version__)")
    if (said := run("image-version", *asked).strip()) != version():
        raise Unfit(f"{tag} says that it is {said}")
    size = run("image-size", "docker", "image", "inspect", "--format", "{{.Size}}", tag)
    return f"{tag}, {int(size) / 1e6:.0f} MB"


def find_python(wanted: str) -> Path:
    """That Python, by its name on the PATH or among pyenv's; raises Impossible where there is none."""
    candidates = [Path(found)] if (found := shutil.which(f"python{wanted}")) else []
    root = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    candidates += sorted(Path(root).glob(f"versions/{wanted}.*/bin/python"))
    for candidate in candidates:
        # One of pyenv's shims may be there and lead nowhere.
        if works(candidate, "-c", "import ensurepip, venv"):
            return candidate
    raise Impossible(f"python{wanted} is neither on the PATH nor among pyenv's: `pyenv install {wanted}`")


def tests(wanted: str, arguments: str) -> str:
    """The tests, in a virtual environment of that Python."""
    python = find_python(wanted)
    output = run(
        f"python-{wanted}",
        "make",
        "test",
        f"PYTHON={python}",
        f"VENV=.venv-{wanted}",
        *([f"ARGS={arguments}"] * bool(arguments)),
    )
    return f"{summary(output)}{f' ({arguments})' if arguments else ''}"


def summary(output: str) -> str:
    """What pytest counted, of each of its runs."""
    counted = re.findall(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.:s() ]+", output, re.MULTILINE)
    return "; ".join(counted) or "done"


def steps(arguments: str) -> list[Step]:
    """All steps, the quick ones first."""
    return [
        Step("tree", clean_tree),
        Step("changelog", changelog),
        Step("lint", lint),
        Step("licences", licences),
        Step("docs", docs),
        Step("client", client),
        Step("image", image),
        *(Step(f"python-{wanted}", partial(tests, wanted, arguments)) for wanted in PYTHONS),
    ]


def tried(step: Step) -> Outcome:
    """Take the step, whatever comes of it."""
    began = time.monotonic()
    try:
        word, detail = "ok", step.check()
    except Unfit as reason:
        word, detail = "FAILED", str(reason)
    except Impossible as reason:
        word, detail = "NOT TRIED", str(reason)
    return Outcome(step.name, word, detail, time.monotonic() - began)


def main() -> int:
    """Take the steps and show a table; 1 unless all are well."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    names = [step.name for step in steps("")]
    parser.add_argument("--only", default="", help=f"steps, comma-separated: {', '.join(names)}")
    parser.add_argument("--tests", default="", metavar="ARGS", help="what pytest is told, for a part of the tests")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    if unknown := set(only) - set(names):
        parser.error(f"--only: {', '.join(sorted(unknown))} is no step; it takes {', '.join(names)}")

    wanted = [step for step in steps(options.tests) if not only or step.name in only]
    outcomes = []
    for number, step in enumerate(wanted, start=1):
        print(f"[{number}/{len(wanted)}] {step.name} …", flush=True)
        outcomes.append(outcome := tried(step))
        print(f"[{number}/{len(wanted)}] {step.name}: {outcome.word} after {outcome.seconds:.0f} s", flush=True)

    print(f"\nAgentplatform {version()}\n")
    for each in outcomes:
        print(f"{each.word:<10} {each.name:<12} {each.seconds:>6.0f} s  {each.detail}")
    is_fit = all(each.word == "ok" for each in outcomes)
    judgement = "All is well" if is_fit else "Not fit to be released"
    print(f"\n{judgement}{' (of what was asked for)' if only or options.tests else ''}.")
    return 0 if is_fit else 1


if __name__ == "__main__":
    sys.exit(main())
