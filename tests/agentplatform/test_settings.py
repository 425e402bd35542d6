import logging
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from agentplatform.embedded import addresses
from agentplatform.tracing import Receiver

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef" * 3
PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgres://user:password@database/agents",
    "REDIS_URL": "redis://cache:6379/0",
    "OPENAI_API_KEY": "sk-something",
    "SECRET_KEY": SECRET,
    "API_KEY_PEPPER": SECRET,
    "ALLOWED_HOSTS": "api.example.com",
}
EMPTY = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "AGENT_MODEL"), "")

BAD = [
    ("ENVIRONMENT", "staging", "development, production"),
    ("DATABASE_URL", "mysql://host/db", "postgres://… or postgresql://…"),
    ("REDIS_URL", "http://host", "redis://… or rediss://… or unix://…"),
    ("CELERY_BROKER_URL", "sqs://", "redis://…"),
    ("OPENAI_BASE_URL", "localhost:8080", "http://… or https://…"),
    ("EGRESS_ALLOWED", "wiki.internal, http://wiki", "hosts and networks such as searx.internal:8080"),
    ("WEB_SEARCH_PROVIDER", "google", "none, searxng, brave, tavily"),
    ("PORT", "eighty", "1 to 65535"),
    ("PORT", "0", "1 to 65535"),
    ("WEB_WORKERS", "0", "1 to 256"),
    ("DATABASE_THREADS", "1000", "1 to 64"),
    ("DEFAULT_RATE_LIMIT", "-1", "1 to "),
    ("RATE_LIMIT_WINDOW", "100000", "1 to 86400"),
    ("MODEL_IDLE_SECONDS", "0", "0.1 to 3600"),
    ("MODEL_MAX_REPLY_BYTES", "4M", "1024 to 1073741824"),
    ("MODEL_BACKOFF_SECONDS", "9", "0 to 8"),
    ("BREAKER_FAILURES", "0", "1 to 10000"),
    ("BREAKER_WINDOW_SECONDS", "-1", "0.1 to 3600"),
    ("BREAKER_OPEN_SECONDS", "long", "0.1 to 3600"),
    ("MCP_STDIO_COMMANDS", "uvx 'a", "a quotation mark is open"),
    ("MCP_IDLE_SECONDS", "0", "1 to 86400"),
    ("CREDENTIALS_KEYS", f"{SECRET},short", "at least 32 characters"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http://… or https://…"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a-key", "name=value"),
    ("OTEL_TRACES_SAMPLER", "sometimes", "traceidratio"),
    ("OTEL_TRACES_SAMPLER_ARG", "2", "0 to 1"),
    ("TRACE_CONTENT", "maybe", "no, yes"),
    ("LANGSMITH_ENDPOINT", "smith", "http://… or https://…"),
    ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
]
UNFIT_FOR_PRODUCTION = [
    ("DATABASE_URL", "", "embedded"),
    ("REDIS_URL", "", "embedded"),
    ("OPENAI_API_KEY", "", "embedded model"),
    ("SECRET_KEY", "", "at least 32"),
    ("SECRET_KEY", "short", "at least 32"),
    ("API_KEY_PEPPER", "", "at least 32"),
    ("ALLOWED_HOSTS", "", "host names"),
    ("ALLOWED_HOSTS", "*", "host names"),
]


@pytest.fixture(autouse=True)
def kept_logging() -> Iterator[None]:
    """Settings set up logging; a reading for a test gives it back."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Read the settings anew, in the environment given, with a data folder of its own."""

    def read(**variables: str) -> dict[str, Any]:
        for name, value in {**EMPTY, "DATA_DIR": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "agentplatform" / "settings.py"))

    return read


@pytest.mark.parametrize(("name", "value", "what_is_right"), BAD)
def test_a_bad_value_stops_the_start(read: Any, name: str, value: str, what_is_right: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(what_is_right)) as ended:
        read(**{name: value})
    assert str(ended.value).startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "value", "what_is_right"), UNFIT_FOR_PRODUCTION)
def test_production_refuses_what_is_fit_for_development_only(
    read: Any, name: str, value: str, what_is_right: str
) -> None:
    with pytest.raises(SystemExit, match=re.escape(what_is_right)) as ended:
        read(**PRODUCTION | {name: value})
    assert str(ended.value).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("provider", "missing"),
    [("searxng", "WEB_SEARCH_URL"), ("brave", "WEB_SEARCH_API_KEY"), ("tavily", "WEB_SEARCH_API_KEY")],
)
def test_a_search_provider_needs_its_url_or_key(read: Any, provider: str, missing: str) -> None:
    with pytest.raises(SystemExit, match=f"^{missing}: .* takes "):
        read(WEB_SEARCH_PROVIDER=provider)
    values = {"WEB_SEARCH_URL": "http://searxng:8080/", "WEB_SEARCH_API_KEY": "key"}
    assert read(WEB_SEARCH_PROVIDER=provider, **{missing: values[missing]})["WEB_SEARCH_PROVIDER"] == provider


def test_production_starts_on_servers_of_its_own(read: Any) -> None:
    settings = read(**PRODUCTION)
    assert settings["IN_PRODUCTION"]
    assert settings["ALLOWED_HOSTS"] == ["api.example.com"]
    assert settings["ALLOWED_ORIGINS"] == []
    assert not settings["CORS_ALLOW_ALL_ORIGINS"]
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["AGENT_MODEL"] == "gpt-5-mini"


def test_development_needs_nothing(read: Any) -> None:
    settings = read()
    assert not settings["IN_PRODUCTION"]
    assert settings["MODEL_IS_EMBEDDED"]
    assert settings["AGENT_MODEL"] == "smollm2-135m-instruct"
    assert settings["CORS_ALLOW_ALL_ORIGINS"]


def test_an_endpoint_alone_selects_it(read: Any) -> None:
    settings = read(OPENAI_BASE_URL="http://localhost:8080/v1")
    assert not settings["MODEL_IS_EMBEDDED"]
    assert settings["OPENAI_BASE_URL"] == "http://localhost:8080/v1"


def test_it_finds_the_embedded_parts_of_its_data_folder(
    read: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    addresses.write(
        tmp_path, addresses.Addresses("postgres://e@localhost/e", "redis://localhost:1/0", "http://localhost/v1")
    )
    monkeypatch.setattr(addresses, "is_claimed", lambda _: True)
    settings = read()
    assert settings["DATABASE_URL"] == "postgres://e@localhost/e"
    assert settings["REDIS_URL"] == settings["CELERY_BROKER_URL"] == "redis://localhost:1/0"
    assert settings["OPENAI_BASE_URL"] == "http://localhost/v1"


def test_the_environment_wins_over_the_embedded_parts(
    read: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    addresses.write(tmp_path, addresses.Addresses("postgres://e@localhost/e", "redis://localhost:1/0", None))
    monkeypatch.setattr(addresses, "is_claimed", lambda _: True)
    assert read(DATABASE_URL="postgres://mine@host/db")["DATABASE_URL"] == "postgres://mine@host/db"


def test_the_command_line_ends_with_one_line_and_no_trace() -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "PORT": "eighty"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "PORT: 'eighty' is not a whole number; it takes 1 to 65535.\n"
    assert ended.stdout == ""


COLLECTOR = "http://collector:4318"
LANGSMITH = "https://api.smith.langchain.com/otel/v1/traces"


@pytest.mark.parametrize(
    ("variables", "receivers"),
    [
        ({}, []),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{COLLECTOR}/", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%20c, d=e=f"},
            [Receiver(f"{COLLECTOR}/v1/traces", {"a": "b c", "d": "e=f"})],
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{COLLECTOR}/own"}, [Receiver(f"{COLLECTOR}/own", {})]),
        (
            {"LANGCHAIN_API_KEY": "old"},
            [Receiver(LANGSMITH, {"x-api-key": "old", "Langsmith-Project": "default"}, is_standard=False)],
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR,
                "LANGCHAIN_API_KEY": "old",
                "LANGSMITH_API_KEY": "new",
                "LANGSMITH_ENDPOINT": "https://eu.example",
                "LANGSMITH_PROJECT": "ours",
            },
            [
                Receiver(f"{COLLECTOR}/v1/traces", {}),
                Receiver(
                    "https://eu.example/otel/v1/traces",
                    {"x-api-key": "new", "Langsmith-Project": "ours"},
                    is_standard=False,
                ),
            ],
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_SDK_DISABLED": "true"}, []),
    ],
)
def test_variables_say_who_gets_spans(read: Any, variables: dict[str, str], receivers: list[Receiver]) -> None:
    assert read(**variables)["TRACES_TO"] == receivers
