"""What else the containers promise, tried on a running `docker compose up`.

    python tests/containers/promises.py [NAME …]

Changes a source file for a moment, so it wants a copy of the project that nobody works in. Standard library only; needs the
compose project of this folder running.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
OURS = ("web", "worker", "sweeper")
HARDENED = (*OURS, "redis", "broker", "model")
PATIENCE_SECONDS = 180.0
VERSION = PROJECT / "agentplatform" / "__init__.py"


class Broken(Exception):
    """A promise is not kept; the message says which."""


def compose(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run docker compose in the project's folder."""
    return subprocess.run(
        ["docker", "compose", *words],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def said(*words: str, **environment: str) -> str:
    """What docker compose writes. Raises Broken when it fails."""
    ended = compose(*words, **environment)
    if ended.returncode:
        raise Broken(f"docker compose {' '.join(words)}: {ended.stderr.strip()[-500:]}")
    return ended.stdout.strip()


def refusal(*words: str) -> str:
    """The one line with which a new container of the platform ends. Raises Broken when it starts, or says more."""
    ended = compose("run", "--rm", "--no-deps", "-T", *words)
    lines = [
        line for line in (ended.stdout + ended.stderr).splitlines() if not line.startswith((" Container", " Network"))
    ]
    if ended.returncode == 0 or len(lines) != 1:
        raise Broken(f"{' '.join(words)} ended with {ended.returncode} and {len(lines)} lines: {lines[-1:]}")
    return lines[0]


def expect(words: str, line: str) -> None:
    """Raise Broken unless the line has the words."""
    if words not in line:
        raise Broken(f"expected {words!r} in {line!r}")


def wait_for(state: Callable[[], Any], problem: str) -> None:
    """Ask until the answer is true, or raise Broken."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not state():
        if time.monotonic() > deadline:
            raise Broken(f"{problem} after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.5)


def fetched(url: str) -> Any:
    """The JSON at an address; nothing while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return {}


def hardened() -> str:
    """Nobody is root, no root file system can be written, and memory has an end."""
    for service in HARDENED:
        uid = said("exec", "-T", service, "id", "-u")
        touched = compose("exec", "-T", service, "touch", "/usr/touched")
        container = said("ps", "--quiet", service)
        limit = subprocess.run(
            ["docker", "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.CapDrop}}", container],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        if uid == "0" or "Read-only file system" not in touched.stderr or limit.startswith("0 ") or "ALL" not in limit:
            raise Broken(
                f"{service} runs as {uid}, touch says {touched.stderr.strip()!r}, memory and capabilities {limit}"
            )
    return f"{', '.join(HARDENED)}: not root, read-only, no capability, memory limited"


def secrets_from_files() -> str:
    """A secret that stands in a file reaches the settings, and the environment's wins over it."""
    code = "import django.conf as c; print(c.settings.SECRET_KEY)"
    shown = ("-e", "DJANGO_SETTINGS_MODULE=agentplatform.settings", "web", "python", "-c", code)
    run = ("run", "--rm", "--no-deps", "-T")
    with tempfile.NamedTemporaryFile("w") as file:
        secret = secrets.token_hex(32)
        file.write(secret + "\n")
        file.flush()
        Path(file.name).chmod(0o644)
        if said(*run, *shown, SECRET_KEY_FILE=file.name).splitlines()[-1] != secret:
            raise Broken("SECRET_KEY_FILE does not reach the settings")
        given = ("-e", "SECRET_KEY=of-the-environment")
        if said(*run, *given, *shown, SECRET_KEY_FILE=file.name).splitlines()[-1] != "of-the-environment":
            raise Broken("SECRET_KEY of the environment does not win over SECRET_KEY_FILE")
    return "SECRET_KEY_FILE reaches the settings; SECRET_KEY wins over it"


def half_migrated() -> str:
    """No part starts on a database that lacks a migration."""

    def sql(text: str) -> str:
        return said("exec", "-T", "postgres", "psql", "-qtAU", "agentplatform", "-c", text)

    name, applied = sql(
        "SELECT name, applied FROM django_migrations WHERE app = 'agents' ORDER BY id DESC LIMIT 1"
    ).split("|")
    sql(f"DELETE FROM django_migrations WHERE app = 'agents' AND name = '{name}'")
    try:
        lines = {refusal(part, part) for part in OURS}
    finally:
        sql(f"INSERT INTO django_migrations (app, name, applied) VALUES ('agents', '{name}', '{applied}')")
    for line in lines:
        expect(f"The database lacks migrations of this version (agents.{name})", line)
    return lines.pop()


def unreachable_database() -> str:
    """Without PostgreSQL, or with a wrong password, each part ends with one line."""
    line = ""
    for place in ("agentplatform:agentplatform@postgres:1", "agentplatform:wrong@postgres:5432"):
        for part in (*OURS, "migrate"):
            line = refusal("-e", f"DATABASE_URL=postgres://{place}/agentplatform", part, part)
            expect("DATABASE_URL: the database does not answer as it should", line)
    return line


def wrong_setting() -> str:
    """A bad value ends with one line that names it."""
    line = ""
    for part, name in (
        ("web", "MAX_TASK_CHARACTERS"),
        ("worker", "WORKER_CONCURRENCY"),
        ("migrate", "RATE_LIMIT_WINDOW"),
    ):
        line = refusal("-e", f"{name}=many", part, part)
        expect(name, line)
    return line


def monitoring() -> str:
    """Prometheus has the web server and the worker as targets, and both are up."""
    began = time.monotonic()
    said("--profile", "monitoring", "up", "--detach", "--wait", "prometheus")
    try:
        url = f"http://{said('--profile', 'monitoring', 'port', 'prometheus', '9090')}/api/v1/targets"

        def up() -> set[str]:
            targets = fetched(url).get("data", {}).get("activeTargets", [])
            return {target["labels"]["job"] for target in targets if target["health"] == "up"}

        wait_for(lambda: up() == {"web", "worker", "prometheus"}, "not all targets are up")
    finally:
        said("--profile", "monitoring", "rm", "--stop", "--force", "prometheus")
    return f"web and worker are up for Prometheus, {time.monotonic() - began:.0f} s after its start was asked for"


@contextlib.contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    """Have a file read otherwise for the block."""
    before = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(before)


def reloading() -> str:
    """With docker-compose.dev.yml, web server and worker run changed code without being told."""
    dev = ("-f", "docker-compose.yml", "-f", "docker-compose.dev.yml")
    # The database stays where it is, unpublished.
    said(*dev, "up", "--detach", "--wait", "--no-deps", *OURS)
    try:
        url = f"http://{said('port', 'web', '8000')}/health"

        def ready() -> int:
            return said("logs", "--no-log-prefix", "worker").count(" ready.")

        wait_for(lambda: fetched(url).get("version") == "1.0.0", "the web server does not answer")
        wait_for(ready, "the worker is not ready")
        before, began = ready(), time.monotonic()
        with changed(VERSION, VERSION.read_text().replace("1.0.0", "1.0.0+changed")):
            wait_for(lambda: fetched(url).get("version") == "1.0.0+changed", "the web server runs the old code")
            web = time.monotonic() - began
            wait_for(lambda: ready() > before, "the worker runs the old code")
            worker = time.monotonic() - began
    finally:
        said("up", "--detach", "--wait", "--no-deps", *OURS)
    return f"the web server answered with the new code {web:.0f} s after the change, the worker was ready after {worker:.0f} s"


PROMISES = [hardened, secrets_from_files, half_migrated, unreachable_database, wrong_setting, monitoring, reloading]


def main(names: list[str]) -> int:
    """Print a line for each promise; 1 when one is not kept."""
    failures = 0
    for promise in PROMISES:
        if names and promise.__name__ not in names:
            continue
        try:
            word, line = "ok", promise()
        except Broken as problem:
            failures += 1
            word, line = "FAIL", str(problem)
        sys.stdout.write(f"{word:<5} {promise.__name__.replace('_', ' '):<21} {line}\n")
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
