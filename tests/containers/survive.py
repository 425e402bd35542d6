"""What restarts and kills of a running `docker compose up` do to accepted tasks.

    python tests/containers/survive.py [restart|kill] [--services web worker …]

For each service: some background tasks are accepted, the service is restarted or its container's first process gets SIGKILL
(which takes root), some more tasks are sent meanwhile, and then every task that was accepted must end. They must end as
completed, except when it was the model that went away. Standard library only; needs the compose project of this folder running.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = ["web", "worker", "sweeper", "migrate", "postgres", "redis", "broker", "model"]
FINAL = ("completed", "failed", "cancelled")
BEFORE, MEANWHILE = 6, 4
PATIENCE_SECONDS = 240.0


class Lost(Exception):
    """An accepted task was not ended, or the platform did not come back."""


def compose(*words: str) -> str:
    """Run docker compose in the project's folder and give what it writes."""
    ended = subprocess.run(["docker", "compose", *words], cwd=PROJECT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Lost(f"docker compose {' '.join(words)}: {ended.stderr.strip()[-500:]}")
    return ended.stdout.strip()


def inspect(service: str, what: str) -> str:
    """A field of the service's container, by Docker's template."""
    container = compose("ps", "--all", "--quiet", service)
    if not container:
        return ""
    return subprocess.run(
        ["docker", "inspect", "-f", what, container], capture_output=True, text=True, check=True
    ).stdout.strip()


class Client:
    """A caller that is never limited, and does not mind when nobody answers."""

    def __init__(self) -> None:
        self.url = f"http://{compose('port', 'web', '8000')}"
        name = f"survivor-{uuid.uuid4().hex[:6]}"
        self.key = compose(
            "exec", "-T", "web", "python", "manage.py", "createapikey", "--client", name, "--tier", "unlimited"
        )
        self.accepted: list[str] = []

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The answer's JSON, or None when there is no good one."""
        head = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, body and json.dumps(body).encode(), head, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.load(answer)
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def send(self, number: int) -> None:
        """Have a task accepted, however often it takes; the key makes it one task."""
        body = {
            "task": f"Tell me a fact about the number {number}. ({uuid.uuid4().hex[:8]})",
            "async_execution": True,
            # Long enough that a slow machine ends no task.
            "limits": {"max_output_tokens": 16, "timeout_seconds": 600},
        }
        once = {"Idempotency-Key": uuid.uuid4().hex}
        wait_for(lambda: self._accepted(self.call("POST", "/agent/execute", body, once)), "a task was never accepted")

    def _accepted(self, task: Any) -> bool:
        if task is not None:
            self.accepted.append(task["task_id"])
        return task is not None

    def outcome(self) -> Counter[str]:
        """How the accepted tasks ended, once all have."""
        found: dict[str, str] = {}

        def are_final() -> bool:
            for task_id in self.accepted:
                if task_id not in found:
                    task = self.call("GET", f"/agent/status/{task_id}")
                    if task is None or task["status"] not in FINAL:
                        return False
                    found[task_id] = task["status"] if task["status"] != "failed" else f"failed ({task['exit_reason']})"
            return True

        wait_for(are_final, "accepted tasks are not ended")
        self.accepted = []
        return Counter(found.values())


def wait_for(state: Any, problem: str) -> None:
    """Ask until the answer is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not state():
        if time.monotonic() > deadline:
            raise Lost(f"{problem} after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.5)


def is_up() -> bool:
    """Whether every service is healthy, and the migrations ended well."""
    for service in SERVICES:
        word = inspect(
            service, "{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}} {{.State.ExitCode}}{{end}}"
        )
        if word not in ("healthy", "exited 0", ""):
            return False
    return True


def hit(how: str, service: str) -> None:
    """Restart the service, or kill its container's first process, and with it all others, from outside."""
    if how == "restart":
        compose("restart", service)
    elif pid := int(inspect(service, "{{.State.Pid}}") or 0):
        # Not `docker kill`: after that one Docker takes the container for stopped on purpose.
        os.kill(pid, signal.SIGKILL)


def survive(client: Client, how: str, service: str) -> str:
    """Do it once; give a line about what happened. Raises Lost."""
    for number in range(BEFORE):
        client.send(number)
    began = time.monotonic()
    hit(how, service)
    for number in range(MEANWHILE):
        client.send(number)
    accepted = time.monotonic() - began
    outcome = client.outcome()
    ended = time.monotonic() - began
    wait_for(is_up, f"not healthy again after the {how} of {service}")
    if set(outcome) != {"completed"} and service != "model":
        raise Lost(f"{how} {service}: {dict(outcome)}")
    said = ", ".join(f"{count} {word}" for word, count in outcome.items())
    healthy = time.monotonic() - began
    return f"{said}; sent meanwhile {accepted:.0f} s, all ended {ended:.0f} s, healthy {healthy:.0f} s after it"


def main(arguments: list[str]) -> int:
    """Go through the services; 1 when a task was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("how", nargs="?", choices=["restart", "kill"])
    parser.add_argument("--services", nargs="+", default=SERVICES, choices=SERVICES)
    given = parser.parse_args(arguments)
    wait_for(is_up, "docker compose up is not healthy")
    client = Client()
    failures = 0
    for how in [given.how] if given.how else ["restart", "kill"]:
        for service in given.services:
            if how == "kill" and service == "migrate":
                continue
            try:
                line = survive(client, how, service)
            except Lost as problem:
                failures += 1
                client.accepted = []
                line = f"LOST: {problem}"
            sys.stdout.write(f"{how:<8} {service:<9} {line}\n")
            sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
