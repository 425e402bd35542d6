"""Starts what the tests run on, before Django reads its settings. The fixtures are in tests/fixtures.py.

The process that starts the run has the stores; each process that runs tests (one for each of xdist's workers, or else that
same one) has a database, a scripted model and, once a test asks for it, a web server of its own.
"""

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from tests import stores
from tests.scripted_model import ScriptedModel

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "agentplatform.settings",
    "ENVIRONMENT": "development",
    "AGENT_MODEL": "gpt-5-mini",
    "OPENAI_API_KEY": "sk-scripted-model",
    "MODEL_BACKOFF_SECONDS": "0.01",
    "WEB_WORKERS": "2",
    "LOG_LEVEL": "INFO",
}
# Empty, they count as unset; a developer's own `.env` cannot fill them in.
UNSET = (
    "API_KEYS", "ALLOWED_HOSTS", "ALLOWED_ORIGINS", "CELERY_BROKER_URL", "METRICS_TOKEN", "API_KEY_PEPPER",
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "LANGSMITH_API_KEY", "LANGCHAIN_API_KEY", "TRACE_CONTENT",
)  # fmt: skip

# One of xdist's workers; None for the process that starts the run.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")

running = pytest.StashKey[contextlib.ExitStack]()
scripted_model = pytest.StashKey[ScriptedModel]()

pytest.register_assert_rewrite("tests.api", "tests.waiting")


def pytest_configure(config: pytest.Config) -> None:
    """Start the stores, and have them stopped when pytest ends, also by Ctrl-C or TERM."""
    if "agentplatform.settings" in sys.modules:
        raise pytest.UsageError(
            "Unset DJANGO_SETTINGS_MODULE: the tests start their stores before the settings are read."
        )
    config.stash[running] = contextlib.ExitStack()
    config.add_cleanup(config.stash[running].close)
    if WORKER is None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        enter = config.stash[running].enter_context
        # A worker that is interrupted twice may leave something behind; not so this process.
        folder = enter(tempfile.TemporaryDirectory(prefix="agentplatform-", ignore_cleanup_errors=True))
        os.environ["TESTS_FOLDER"] = folder
        if not config.option.collectonly:
            enter(stores.running(Path(folder) / "stores"))


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start what a process that runs tests has for itself, then Django. Coverage is being measured by now."""
    config = session.config
    if WORKER is None and config.getoption("dist", "no") != "no":
        return
    process = WORKER or "gw0"
    if not config.option.collectonly:
        config.stash[running].enter_context(stores.own(process))
    folder = Path(os.environ["TESTS_FOLDER"]) / process
    model = config.stash[scripted_model] = ScriptedModel()
    config.stash[running].callback(model.stop)
    os.environ |= ENVIRONMENT | dict.fromkeys(UNSET, "")
    os.environ |= {
        "OPENAI_BASE_URL": model.base_url,
        "DATA_DIR": str(folder),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
    }
    import django

    django.setup(set_prefix=False)
    config.pluginmanager.import_plugin("tests.fixtures")
