"""`make fuzz`: try inputs that coverage leads to, on each target for a while, beginning with the corpus.

    .venv/bin/python -m tests.fuzz [--seconds 60] [--runs N] [target …]

What is found is written to test-results/fuzz/, and the corpus there grows; `--keep` moves what covers more into the repository's.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import ROOT, TARGETS, run

CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / "test-results" / "fuzz"
LONGEST = 4096


def fuzz(name: str, options: list[str]) -> None:
    """Try one target in this process; libFuzzer ends it."""
    import atheris

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentplatform.settings")
    with atheris.instrument_imports(include=["accounts", "agents.guards", "agentplatform_client", "httpx2._sse"]):
        import django

        django.setup()
        target = TARGETS[name]
        target(b"")  # so that what it imports is instrumented

    def one(data: bytes) -> None:
        run(target, data)

    # A merge starts the program again by this name, through a shell.
    atheris.Setup([f"{sys.executable} -m tests.fuzz --child {name}", *options], one)
    atheris.Fuzz()


def main() -> int:
    """Try each target in a process of its own; 1 when one of them found something."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="keep in the repository's corpus what covers more")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}.")
    bad = [name for name in given.targets or TARGETS if not _is_sound(name, given.seconds, keeps=given.keep)]
    print(f"Found something in: {', '.join(bad)}; see {FOUND}." if bad else "Nothing was found.")  # noqa: T201
    return 1 if bad else 0


def _is_sound(name: str, seconds: int, *, keeps: bool) -> bool:
    own, known = FOUND / name, CORPUS / name
    own.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds} s …", flush=True)  # noqa: T201
    options = [
        f"-artifact_prefix={FOUND / name}-",
        f"-max_len={LONGEST}",
        "-timeout=10",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    done = _child(name, *options, f"-max_total_time={seconds}", own, known)
    tail = [
        line
        for line in done.stderr.splitlines()
        if line.startswith(("stat::number", "==", "Uncaught", "AssertionError"))
    ]
    print("\n".join(f"  {line}" for line in tail), flush=True)  # noqa: T201
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-4000:], flush=True)  # noqa: T201
    if keeps:
        _child(name, "-merge=1", "-verbosity=0", known, own)
    return done.returncode == 0


def _child(name: str, *options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.fuzz", "--child", name, *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        fuzz(sys.argv[2], sys.argv[3:])
    sys.exit(main())
