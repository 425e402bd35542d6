"""Try a deployed platform from outside.

    python tests/smoke.py --url https://api.example.com --key …

Standard library only. A line for each check; the exit code is 0 when all passed, 1 when one failed, 2 when it was called wrongly.
It spends a few tasks of the key, whose scopes must allow execute, read and feedback, and, where its tier allows at most
--most-requests in a window, uses that window up.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any

HEALTHY_SECONDS = 30.0
FINAL = ("completed", "failed", "cancelled")


class Failed(Exception):
    """A check did not pass; the message says what was expected and what came."""


class NotTried(Exception):
    """A check does not apply here; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What the platform said."""

    status: int
    headers: Message
    text: str

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            raise Failed(f"an answer that is not JSON: {self.text[:120]!r}") from None

    def expect(self, *statuses: int) -> "Answer":
        """Raise Failed unless the status is one of these."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            raise Failed(f"expected {wanted}, got {self.status}: {' '.join(self.text.split())[:300]}")
        return self


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """The checks of one platform, as one key."""

    url: str
    key: str
    metrics_token: str
    timeout_seconds: float
    most_requests: int

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """Make one call with the key, another key, or (the empty one) none."""
        headers = {"Content-Type": "application/json", "User-Agent": "agentplatform-smoke"}
        if bearer := self.key if key is None else key:
            headers["Authorization"] = f"Bearer {bearer}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{method} {path}: no answer: {getattr(error, 'reason', None) or error}") from error

    def execute(self, task: str, **fields: Any) -> Answer:
        """Send a task; when the key's window is used up, wait once for its next request."""
        body = {"task": task, **fields}
        answer = self.call("POST", "/agent/execute", body)
        if answer.status == http.HTTPStatus.TOO_MANY_REQUESTS:
            pause = min(float(answer.headers.get("Retry-After", "1")), 120.0)
            say("…", "limit", f"the key's window is used up; waiting {pause:.0f} s")
            time.sleep(pause)
            answer = self.call("POST", "/agent/execute", body)
        return answer

    def health(self) -> str:
        """It is ready, and every part that it leans on answers."""
        self.call("GET", "/health/ready", key="").expect(200)
        deadline = time.monotonic() + HEALTHY_SECONDS
        # A worker that has just started is seen a few seconds later.
        while (health := self.call("GET", "/health", key="").json)["status"] != "healthy":
            if time.monotonic() > deadline:
                away = ", ".join(f"{name}: {word}" for name, word in health["checks"].items() if word != "ok")
                raise Failed(f"{health['status']} ({away})")
            time.sleep(1)
        return f"healthy, version {health['version']}"

    def auth(self) -> str:
        """No key and a wrong one are refused; this one is let in."""
        for key, code in (("", "missing_key"), (f"wrong-{uuid.uuid4().hex}", "invalid_key")):
            found = self.call("GET", "/agent/types", key=key).expect(401).json.get("code")
            if found != code:
                raise Failed(f"expected the code {code}, got {found}")
        self.call("GET", "/agent/types").expect(200)
        return "401 without a key and with a wrong one, 200 with this one"

    def sync(self) -> str:
        """A task runs in the request."""
        task = self.execute(f"Reply with one short word. ({uuid.uuid4().hex[:8]})", limits={"max_output_tokens": 200})
        return _completed(task.expect(200).json)

    def background(self) -> str:
        """A task is accepted, and a worker runs it."""
        task = f"Reply with one short word. ({uuid.uuid4().hex[:8]})"
        accepted = self.execute(task, async_execution=True, limits={"max_output_tokens": 200})
        task_id = accepted.expect(202).json["task_id"]
        return _completed(self._ended(task_id))

    def feedback(self) -> str:
        """An opinion on a task is kept."""
        done = next(iter(self.call("GET", "/agent/tasks?status=completed&limit=1").expect(200).json["tasks"]), None)
        if done is None:
            raise Failed("this key's client has no completed task to speak of")
        opinion = {"task_id": done["task_id"], "rating": 5, "tags": ["smoke"]}
        self.call("POST", "/agent/feedback", opinion).expect(200, 201)
        said = self.call("GET", f"/agent/feedback/{done['task_id']}").expect(200).json
        if said["rating"] != opinion["rating"]:
            raise Failed(f"said 5, read {said['rating']}")
        return f"kept for task {done['task_id']}"

    def metrics(self) -> str:
        """Prometheus gets its page, which counts what was done above."""
        answer = self.call("GET", "/metrics", key=self.metrics_token)
        if answer.status == http.HTTPStatus.UNAUTHORIZED and not self.metrics_token:
            raise NotTried("the platform asks for its METRICS_TOKEN; give --metrics-token")
        if "agent_requests_total{" not in answer.expect(200).text:
            raise Failed("agent_requests_total has no samples")
        return f"{sum(not line.startswith('#') for line in answer.text.splitlines())} samples"

    def rate_limit(self) -> str:
        """The window's last request is admitted, and the next is refused with a time to come back."""
        task = f"Reply with the word smoke. ({uuid.uuid4().hex[:8]})"
        answer = self.execute(task, limits={"max_output_tokens": 200}).expect(200)
        if (limit := answer.headers.get("X-RateLimit-Limit")) is None:
            raise NotTried("this key's tier has no limit")
        if int(limit) > self.most_requests:
            raise NotTried(
                f"this key's tier allows {limit} requests in a window, more than --most-requests {self.most_requests}"
            )
        # The same task again is answered from the cache: it counts, and costs nothing.
        for _ in range(int(limit) + 1):
            if answer.status == http.HTTPStatus.TOO_MANY_REQUESTS:
                break
            answer = self.call("POST", "/agent/execute", {"task": task, "limits": {"max_output_tokens": 200}})
        problem = answer.expect(429).json
        if not answer.headers.get("Retry-After") or problem["code"] != "rate_limited":
            raise Failed(f"a 429 without Retry-After or with the code {problem['code']}")
        return f"429 after {limit} requests, next in {answer.headers['Retry-After']} s"

    def _ended(self, task_id: str) -> Any:
        deadline = time.monotonic() + self.timeout_seconds
        while True:
            task = self.call("GET", f"/agent/status/{task_id}?wait=5").expect(200).json
            if task["status"] in FINAL:
                return task
            if time.monotonic() > deadline:
                raise Failed(
                    f"task {task_id} is still {task['status']} after {self.timeout_seconds:.0f} s; is a worker up?"
                )

    def checks(self) -> list[Callable[[], str]]:
        """All checks, in their order; the last uses the key's window up."""
        return [self.health, self.auth, self.sync, self.background, self.feedback, self.metrics, self.rate_limit]


def _completed(task: Any) -> str:
    if task["status"] != "completed":
        raise Failed(f"the task ended as {task['status']}, {task['exit_reason']}: {task['error']}")
    return f"{task['model']} answered in {task['execution_time_seconds']} s"


def say(mark: str, name: str, text: str) -> None:
    """Print one line of the report."""
    sys.stdout.write(f"{mark:<5} {name:<11} {text}\n")
    sys.stdout.flush()


def run(smoke: Smoke) -> bool:
    """Run all checks, print a line for each, and tell whether none failed."""
    failures = 0
    for check in smoke.checks():
        name = check.__name__.replace("_", " ")
        try:
            say("ok", name, check())
        except NotTried as reason:
            say("–", name, f"not tried: {reason}")
        except Failed as problem:
            failures += 1
            say("FAIL", name, str(problem))
        except (KeyError, TypeError, ValueError) as error:
            failures += 1
            say("FAIL", name, f"an answer of another shape than the contract's: {error!r}")
    sys.stdout.write("All is well.\n" if not failures else f"{failures} of {len(smoke.checks())} checks failed.\n")
    return not failures


def main(arguments: list[str]) -> int:
    """Read the arguments, run, and give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--url", required=True, help="such as https://api.example.com")
    parser.add_argument("--key", default=os.environ.get("SMOKE_KEY", ""), help="an API key; or in SMOKE_KEY")
    parser.add_argument("--metrics-token", default=os.environ.get("METRICS_TOKEN", ""), help="or in METRICS_TOKEN")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="for one answer or task (120)")
    parser.add_argument("--most-requests", type=int, default=20, metavar="N", help="try limits up to this size (20)")
    given = parser.parse_args(arguments)
    if not given.url.startswith(("http://", "https://")):
        parser.error("--url takes an address that starts with http:// or https://")
    if not given.key:
        parser.error("--key is missing; `manage.py createapikey --client smoke --tier basic` makes one")
    smoke = Smoke(
        url=given.url.rstrip("/"),
        key=given.key,
        metrics_token=given.metrics_token,
        timeout_seconds=given.timeout,
        most_requests=given.most_requests,
    )
    return 0 if run(smoke) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
