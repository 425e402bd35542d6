"""Structured logs: one JSON line an event off a terminal, readable colours on one; never a key, a prompt or an output."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agentplatform import tracing

SECRET = re.compile(
    r"ap_live_[0-9A-Za-z_]{8,}|sk-[0-9A-Za-z_-]{8,}|(?i:bearer) [^\s\"']+|(?<=://)[^\s/@]*:[^\s/@]+(?=@)"
)

NOISY = (
    "httpx", "httpx2", "httpcore", "openai", "amqp", "asyncio", "kombu", "celery.worker.strategy", "celery.app.trace",
)  # fmt: skip

# The mcp package, which logs what servers send; and what sends traces, which would complain of each batch (trace_export.py).
SILENT = ("mcp", "client", "opentelemetry")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank anything that looks like a credential, whoever logged it."""
    for name, value in event.items():
        if isinstance(value, str) and SECRET.search(value):
            event[name] = SECRET.sub("[redacted]", value)
    return event


def logging_config(level: str) -> None:
    """Route structlog and the standard library's loggers into one stream of events on stdout."""
    on_terminal = sys.stdout.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        tracing.identify,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[Processor] = (
        [redact, structlog.dev.ConsoleRenderer()]
        if on_terminal
        else [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer(default=str)]
    )
    handler = logging.StreamHandler(sys.stdout)
    logging.getLogger("axes").setLevel(logging.WARNING)  # it tells of each login; what matters of them the audit keeps
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(max(logging.getLevelName(level), logging.WARNING))
    for silent in SILENT:
        logging.getLogger(silent).setLevel(logging.CRITICAL + 1)
    # Django repeats every 4xx and 5xx as a line of its own; only an exception that it caught itself is news.
    logging.getLogger("django.request").addFilter(lambda record: bool(record.exc_info))
    structlog.configure(
        processors=[*shared[:3], shared[4], structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def log(name: str) -> Any:
    """The module's structured logger: `log(__name__).info("event", task_id=…)`."""
    return structlog.stdlib.get_logger(name)
