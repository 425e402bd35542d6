import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SENDING = ("opentelemetry.sdk.trace", "opentelemetry.exporter")
LOADED = f"""
import sys
from agentplatform import asgi, celery, tracing
tracing.start("worker")
print(tracing.is_on(), *sorted(name for name in sys.modules if name.startswith({SENDING!r})))
tracing.stop()
"""


def loaded(endpoint: str) -> list[str]:
    """Whether a process with that receiver makes spans, and what it has imported to send them."""
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    command = [sys.executable, "-c", LOADED]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.split()


def test_while_it_is_off_nothing_that_makes_or_sends_spans_is_imported() -> None:
    assert loaded("") == ["False"]
    assert loaded("http://127.0.0.1:1")[:2] == ["True", "opentelemetry.exporter"]
