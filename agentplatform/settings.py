"""Django settings: the environment first, read once and typed; then what Django and the packages want of it."""

import os
import shlex
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ
from django.templatetags.static import static
from django.urls import reverse_lazy
from kombu import Queue
from phonenumbers import SUPPORTED_REGIONS

from agentplatform import __version__, environment
from agentplatform.embedded import addresses
from agentplatform.logs import logging_config
from agentplatform.tracing import Receiver
from agents.egress import permits

BASE_DIR = Path(__file__).resolve().parent.parent
environment.load_dotenv(BASE_DIR / ".env")

# The environment ----------------------------------------------------------------------------------------------------

# fmt: off
environment.section("Where it runs")
ENVIRONMENT = environment.choice(
    "ENVIRONMENT", "development", ("development", "production"),
    meaning="Production refuses the embedded stores, the embedded model and weak secrets.",
)
IN_PRODUCTION = ENVIRONMENT == "production"
DATA_DIR = Path(environment.text(
    "DATA_DIR", str(BASE_DIR / ".data"), unset="the project's folder `.data`",
    meaning="Folder of the embedded stores, their passwords and the metrics' files. Runs with different folders are "
    "independent.",
)).absolute()
EMBEDDED = addresses.Addresses() if IN_PRODUCTION else addresses.read(DATA_DIR)
PORT = environment.number("PORT", 8000, least=1, most=65_535, meaning="Port of the web server.")
WEB_WORKERS = environment.number(
    "WEB_WORKERS", len(os.sched_getaffinity(0)), least=1, most=256, unset="one for each core",
    meaning="Processes of the web server.",
)
WORKER_CONCURRENCY = environment.number(
    "WORKER_CONCURRENCY", 100, least=1, most=2000, meaning="Tasks that one Celery worker runs at once."
)
WORKER_LONG_CONCURRENCY = environment.number(
    "WORKER_LONG_CONCURRENCY", 0, least=0, most=2000, unset="half of them",
    meaning="How many of a worker's tasks at once may be long ones.",
)
LONG_TASK_SECONDS = environment.number(
    "LONG_TASK_SECONDS", 300, least=1, most=86_400,
    meaning="A task that may run longer than this, by its `timeout_seconds`, is a long one: it waits in a queue of its own.",
)
LOG_LEVEL = environment.choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), meaning="The least important log lines that are written."
)

environment.section("Stores")
DATABASE_URL = environment.url(
    "DATABASE_URL", EMBEDDED.database_url or "", ("postgres", "postgresql"), unset="`make run` starts one",
    meaning="PostgreSQL, such as `postgres://user:password@host:5432/name`.",
)
REDIS_URL = environment.url(
    "REDIS_URL", EMBEDDED.redis_url or "", ("redis", "rediss", "unix"), unset="`make run` starts one",
    meaning="Redis or Valkey, such as `redis://:password@host:6379/0`.",
)
CELERY_BROKER_URL = environment.url(
    "CELERY_BROKER_URL", REDIS_URL, ("redis", "rediss", "amqp", "amqps"), unset="`REDIS_URL`",
    meaning="Celery's broker, when it is not that Redis.",
)
DATABASE_THREADS = environment.number(
    "DATABASE_THREADS", 8, least=1, most=64,
    meaning="Threads, each with a connection of its own, through which one process talks to PostgreSQL.",
)
JOURNAL_KEPT_DAYS = environment.number(
    "JOURNAL_KEPT_DAYS", 30, least=0, most=36_500,
    meaning="Days that an ended task's journal is kept, with all that its models and tools said; 0: for ever.",
)
TASKS_KEPT_DAYS = environment.number(
    "TASKS_KEPT_DAYS", 365, least=0, most=36_500,
    meaning="Days that an ended task is kept, with its result, its cost and its feedback; 0: for ever.",
)

environment.section("The model")
OPENAI_API_KEY = environment.text(
    "OPENAI_API_KEY", unset="`make run` starts a small local model, unless `OPENAI_BASE_URL` is set",
    meaning="Key of the model provider.",
)
OPENAI_BASE_URL = environment.url(
    "OPENAI_BASE_URL", "", ("http", "https"), unset="OpenAI itself",
    meaning="Any endpoint that speaks OpenAI's chat completions, such as `http://localhost:11434/v1`.",
)
MODEL_IS_EMBEDDED = not (OPENAI_API_KEY or OPENAI_BASE_URL)
LOCAL_MODEL_URL = environment.url(
    "LOCAL_MODEL_URL", "", ("http", "https"), unset="the run's own",
    meaning="Another place of the local model, for a run that does not start one itself, such as `http://model:8080/v1`.",
)
if MODEL_IS_EMBEDDED:
    OPENAI_BASE_URL = EMBEDDED.model_url or LOCAL_MODEL_URL
# The small model that comes with the platform, as `make run` and the compose files serve it. It is free.
LOCAL_MODEL = "smollm2-135m-instruct"
AGENT_MODULES = environment.words(
    "AGENT_MODULES", unset="no agents as code",
    meaning="Python modules that declare agents as code, such as `our_agents.triage`. They are imported as every process starts.",
)
AGENT_MODEL = environment.text(
    "AGENT_MODEL", LOCAL_MODEL if MODEL_IS_EMBEDDED else "gpt-5-mini",
    unset="`gpt-5-mini`, or `smollm2-135m-instruct` with the local model", meaning="Model of the agents that name none.",
)
GUARD_MODEL = environment.text(
    "GUARD_MODEL", unset="nobody is asked",
    meaning="Model that is asked for a second opinion where the injection guard is in doubt and blocks; it needs a price.",
)  # fmt: skip
MODEL_TIMEOUT_SECONDS = environment.decimal(
    "MODEL_TIMEOUT_SECONDS", 600, least=1, most=3600,
    meaning="How long one model call may take from beginning to end, in seconds.",
)
MODEL_IDLE_SECONDS = environment.decimal(
    "MODEL_IDLE_SECONDS", 60, least=0.1, most=3600,
    meaning="How long a model may fall silent once its answer has begun, in seconds.",
)
MODEL_MAX_REPLY_BYTES = environment.number(
    "MODEL_MAX_REPLY_BYTES", 16 * 1024 * 1024, least=1024, most=1024**3,
    meaning="Bytes of one model's answer, at most; a streamed token takes some 300.",
)
MODEL_MAX_RETRIES = environment.number(
    "MODEL_MAX_RETRIES", 2, least=0, most=10,
    meaning="How often a failed model call is made again, before an agent's fallback models are asked in the same way.",
)
MODEL_BACKOFF_SECONDS = environment.decimal(
    "MODEL_BACKOFF_SECONDS", 0.5, least=0, most=8,
    meaning="The longest wait before the first of these retries, in seconds. It doubles with each, up to 8.",
)
BREAKER_FAILURES = environment.number(
    "BREAKER_FAILURES", 10, least=1, most=10_000,
    meaning="After so many failures in a row, a process asks the model provider no more for a while.",
)
BREAKER_WINDOW_SECONDS = environment.decimal(
    "BREAKER_WINDOW_SECONDS", 30, least=0.1, most=3600, meaning="These failures count within so many seconds."
)
BREAKER_OPEN_SECONDS = environment.decimal(
    "BREAKER_OPEN_SECONDS", 15, least=0.1, most=3600,
    meaning="How long the provider is then left alone, in seconds, before one call tries whether it is back.",
)

environment.section("Keys and limits")
API_KEYS = environment.words(
    "API_KEYS", unset="the development run with its embedded database has the key `demo-key-123`",
    meaning="Keys to create at the start, each `key` (basic) or `key:tier`; tiers shipped: basic, premium, unlimited. Each "
    "is a client of its own. They are created where missing and never changed.",
)
DEMO_KEY = (
    environment.choice(
        "DEMO_KEY", "no", ("no", "yes"),
        meaning="Whether development has the key `demo-key-123` on a database of one's own too, while `API_KEYS` is unset. "
        "Production ignores it.",
    ) == "yes" and not IN_PRODUCTION
)
DEFAULT_RATE_LIMIT = environment.number(
    "DEFAULT_RATE_LIMIT", 10, least=1, most=100_000,
    meaning="Requests of the Basic tier in one window, when the database is first filled.",
)
RATE_LIMIT_WINDOW = environment.number(
    "RATE_LIMIT_WINDOW", 60, least=1, most=86_400, meaning="Length of that window in seconds."
)
FAILED_AUTHENTICATION_LIMIT = environment.number(
    "FAILED_AUTHENTICATION_LIMIT", 60, least=1, most=1_000_000,
    meaning="Wrong keys that one address may send in a minute.",
)
ADMIN_LOGIN_LIMIT = environment.number(
    "ADMIN_LOGIN_LIMIT", 10, least=1, most=1_000_000,
    meaning="Passwords that one address may try on the console in a minute.",
)
REQUIRE_SECOND_FACTOR = environment.choice(
    "REQUIRE_SECOND_FACTOR", "no", ("yes", "no"),
    meaning="Whether every operator has to set up a second factor before anything else in the console.",
) == "yes"  # fmt: skip
DOCS_LIMIT = environment.number(
    "DOCS_LIMIT", 120, least=1, most=1_000_000, meaning="Pages of the documentation that one address may open in a minute."
)
PHONE_REGION = environment.text(
    "PHONE_REGION", meaning="Country, by its two letters, whose phone numbers are masked without a country code too.",
    unset="only numbers that begin with +",
)  # fmt: skip
if PHONE_REGION and PHONE_REGION not in SUPPORTED_REGIONS:
    environment.refuse("PHONE_REGION", f"is {PHONE_REGION!r}; it takes two capital letters of a country, such as DE or US.")
LIMITER_PROCESSES = environment.number(
    "LIMITER_PROCESSES", WEB_WORKERS + 1, least=1, most=10_000, unset="one more than `WEB_WORKERS`",
    meaning="Processes, workers included, among which limits are divided while Redis is away; with several containers, "
    "all of theirs.",
)
KEY_ROTATION_OVERLAP_HOURS = environment.number(
    "KEY_ROTATION_OVERLAP_HOURS", 24, least=0, most=720,
    meaning="How long a key works beside its successor after it was rotated, unless the rotation says otherwise.",
)
WEBHOOK_TIMEOUT_SECONDS = environment.number(
    "WEBHOOK_TIMEOUT_SECONDS", 10, least=1, most=60, meaning="How long a receiver of a webhook may take to answer."
)
WEBHOOKS_KEPT_DAYS = environment.number(
    "WEBHOOKS_KEPT_DAYS", 30, least=2, most=365, meaning="How long the record of a webhook's delivery is kept."
)
REFUSALS_KEPT_DAYS = environment.number(
    "REFUSALS_KEPT_DAYS", 14, least=1, most=365, meaning="How long the record of a refused call is kept."
)
PREVIEW_DAYS = environment.number(
    "PREVIEW_DAYS", 7, least=1, most=90,
    meaning="How many days of recorded requests the preview of a changed limit replays; refused ones are known for "
    "REFUSALS_KEPT_DAYS, tasks for TASKS_KEPT_DAYS.",
)
TRUSTED_PROXIES = environment.number(
    "TRUSTED_PROXIES", 0, least=0, most=10,
    meaning="How many proxies of your own stand before the platform; their X-Forwarded-For is believed, nobody else's.",
)
ADMIN_PASSWORD = environment.text(
    "ADMIN_PASSWORD", unset="the development run makes one and prints it",
    meaning="Password of the console's user `admin`, who is created where missing.",
)

environment.section("Tools")
EGRESS_ALLOWED = environment.words(
    "EGRESS_ALLOWED", unset="the web ports of the public internet alone",
    meaning="Hosts and networks that tools may reach besides, such as `wiki.internal:8080`, `10.1.0.0/16` or `[fd00::/8]:*`; "
    "without a port it is 80 and 443. Whoever may call an agent with such tools can reach them.",
)
EGRESS_CONCURRENCY = environment.number(
    "EGRESS_CONCURRENCY", 50, least=1, most=10_000,
    meaning="Requests of tools to other servers that one process has under way at once; more wait, within their time.",
)
MCP_STDIO_COMMANDS = environment.words(
    "MCP_STDIO_COMMANDS", unset="none",
    meaning="Commands that operators may start as MCP servers, such as `uvx mcp-server-time`; further arguments may follow. A "
    "command runs as the platform's user, so name none that runs whatever its arguments say.",
)
MCP_IDLE_SECONDS = environment.number(
    "MCP_IDLE_SECONDS", 300, least=1, most=86_400,
    meaning="After so many seconds without a call, a process closes its session with an MCP server, and ends its command.",
)
WEB_SEARCH_PROVIDER = environment.choice(
    "WEB_SEARCH_PROVIDER", "none", ("none", "searxng", "brave", "tavily"),
    meaning="Who answers the tool `web_search`. With none, no model is told of the tool.",
)
WEB_SEARCH_URL = environment.url(
    "WEB_SEARCH_URL", "", ("http", "https"), unset="the provider's own; SearXNG has none",
    meaning="Where the provider is, such as `http://searxng:8080`. It may be an internal address, which is permitted to "
    "`web_search` alone.",
).rstrip("/")
WEB_SEARCH_API_KEY = environment.text(
    "WEB_SEARCH_API_KEY", meaning="The provider's key: Brave's subscription token, Tavily's key; SearXNG needs none."
)

environment.section("Approvals")
APPROVAL_TIMEOUT_SECONDS = environment.number(
    "APPROVAL_TIMEOUT_SECONDS", 86_400, least=1, most=2_592_000,
    meaning="How long a person may take to answer what an agent asks, where its version says nothing else.",
)

environment.section("Requests and answers")
MAX_TASK_CHARACTERS = environment.number(
    "MAX_TASK_CHARACTERS", 10_000, least=1, most=1_000_000, meaning="Longest task, in characters after trimming."
)
MAX_REQUEST_BYTES = environment.number(
    "MAX_REQUEST_BYTES", 256 * 1024, least=1024, most=64 * 1024 * 1024, meaning="Largest request body in bytes."
)
ALLOWED_ORIGINS = environment.words(
    "ALLOWED_ORIGINS", unset="every origin may call in development, none in production",
    meaning="Web origins that may call the API from a browser, and whose forms the console trusts.",
) or ([] if IN_PRODUCTION else ["*"])

environment.section("Conversations")
CONVERSATION_CONFLICT = environment.choice(
    "CONVERSATION_CONFLICT", "queue", ("queue", "reject", "interrupt"),
    meaning="What becomes of a task whose conversation has one that has not ended: it waits for it, is refused with 409, or has "
    "it cancelled.",
)
CONVERSATION_WINDOW_TOKENS = environment.number(
    "CONVERSATION_WINDOW_TOKENS", 32_000, least=1_000, most=2_000_000,
    meaning="Tokens of one model call in a conversation, at most, the answer included, where a byte counts as a token. Less "
    "where the model's own window is known to be smaller. Older turns than fit are summarised.",
)
CONVERSATION_RETENTION_DAYS = environment.number(
    "CONVERSATION_RETENTION_DAYS", 90, least=0, most=36_500,
    meaning="Days after its last use that a conversation is kept, with what its tasks keep of it; 0: for ever. A client may have "
    "a number of its own in the console.",
)

environment.section("Knowledge")
KNOWLEDGE_MAX_FILE_BYTES = environment.number(
    "KNOWLEDGE_MAX_FILE_BYTES", 20 * 1024 * 1024, least=1024, most=512 * 1024 * 1024,
    meaning="Largest file of one document in bytes.",
)
KNOWLEDGE_MAX_UPLOAD_BYTES = environment.number(
    "KNOWLEDGE_MAX_UPLOAD_BYTES", 100 * 1024 * 1024, least=1024, most=2 * 1024**3,
    meaning="Largest upload in the console with all its files, in bytes.",
)
KNOWLEDGE_MAX_PAGES = environment.number(
    "KNOWLEDGE_MAX_PAGES", 2_000, least=1, most=100_000, meaning="Pages of one document, at most."
)
KNOWLEDGE_MAX_CHARACTERS = environment.number(
    "KNOWLEDGE_MAX_CHARACTERS", 5_000_000, least=1, most=100_000_000,
    meaning="Characters of one document's text, at most.",
)
KNOWLEDGE_READING_SECONDS = environment.number(
    "KNOWLEDGE_READING_SECONDS", 300, least=1, most=3600,
    meaning="How long it may take to read one document, in seconds.",
)
KNOWLEDGE_READING_BYTES = environment.number(
    "KNOWLEDGE_READING_BYTES", 512 * 1024 * 1024, least=128 * 1024 * 1024, most=64 * 1024**3,
    meaning="How much memory it may take to read one document, in bytes; a worker reads one at a time.",
)
KNOWLEDGE_PASSAGES = environment.number(
    "KNOWLEDGE_PASSAGES", 5, least=1, most=20,
    meaning="Passages that one search gives an agent, at most; each has up to 300 words.",
)

environment.section("Secrets and names")
SECRET_KEY = environment.text(
    "SECRET_KEY", "development-only",
    meaning="Signs the console's sessions. Production takes a random value of at least 32 characters: "
    "`openssl rand -hex 32`.",
)
API_KEY_PEPPER = environment.text(
    "API_KEY_PEPPER", "development-only",
    meaning="Keyed into the digests of API keys; changing it makes every key invalid. Production takes a random value of at "
    "least 32 characters.",
)
CREDENTIALS_KEYS = environment.words(
    "CREDENTIALS_KEYS", unset="derived from `SECRET_KEY`",
    meaning="Keys that encrypt the stored credentials of other services (HTTP APIs, MCP servers), the newest first; the others "
    "still decrypt. After a change, `manage.py resealcredentials` encrypts all anew. Each is a random value of at least 32 "
    "characters.",
)
ALLOWED_HOSTS = environment.words(
    "ALLOWED_HOSTS", unset="every name in development; production must name them",
    meaning="Host names the platform answers to.",
) or ["*"]

environment.section("Watching")
METRICS_TOKEN = environment.text("METRICS_TOKEN", meaning="When set, /metrics asks for it as bearer token.")
WORKER_METRICS_PORT = environment.number(
    "WORKER_METRICS_PORT", 0, least=0, most=65_535,
    meaning="Port on which a Celery worker serves its own metrics, for a worker that shares no folder with the web server; "
    "0: none. The containers have 9100.",
)
PROMETHEUS_MULTIPROC_DIR = environment.text(
    "PROMETHEUS_MULTIPROC_DIR", unset="`make run` uses the folder `metrics` in `DATA_DIR`",
    meaning="Folder in which all processes add up their metrics. Processes that you start yourself need the same folder to "
    "appear in one /metrics.",
)

environment.section("Traces")
OTEL_EXPORTER_OTLP_ENDPOINT = environment.url(
    "OTEL_EXPORTER_OTLP_ENDPOINT", "", ("http", "https"), unset="no traces",
    meaning="Where traces are sent, by OTLP over HTTP: a receiver's base, such as `http://collector:4318`, to which `/v1/traces` "
    "is added.",
)
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = environment.url(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    OTEL_EXPORTER_OTLP_ENDPOINT and f"{OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces", ("http", "https"),
    unset="that one with `/v1/traces`", meaning="The receiver's whole URL, where its path is another.",
)
OTEL_EXPORTER_OTLP_PROTOCOL = environment.choice(
    "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", ("http/protobuf",), meaning="What is spoken to it."
)
OTEL_EXPORTER_OTLP_HEADERS = environment.words(
    "OTEL_EXPORTER_OTLP_HEADERS", meaning="Headers for that receiver, such as `api-key=…`.", unset="none"
)
OTEL_SERVICE_NAME = environment.text(
    "OTEL_SERVICE_NAME", "agentplatform", meaning="What the platform is called in its traces."
)
OTEL_TRACES_SAMPLER = environment.choice(
    "OTEL_TRACES_SAMPLER", "parentbased_always_on", (
        "always_on", "always_off", "traceidratio",
        "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
    ),
    meaning="Which requests are traced. The first three decide by themselves; with the others, a client that sends `traceparent` "
    "decides.",
)
OTEL_TRACES_SAMPLER_ARG = environment.decimal(
    "OTEL_TRACES_SAMPLER_ARG", 1.0, least=0, most=1, meaning="The part of requests that the two `traceidratio` trace."
)
OTEL_SDK_DISABLED = environment.choice(
    "OTEL_SDK_DISABLED", "false", ("false", "true"), meaning="Whether there are no traces, whatever else is set."
) == "true"  # fmt: skip
TRACE_CONTENT = environment.choice(
    "TRACE_CONTENT", "no", ("no", "yes"),
    meaning="Whether spans hold what was said as well: tasks, prompts, answers, tools' arguments and results.",
) == "yes"
LANGCHAIN_API_KEY = environment.text(
    "LANGCHAIN_API_KEY", meaning="When set, the same traces go to LangSmith, in addition or instead."
)
LANGSMITH_API_KEY = environment.text(
    "LANGSMITH_API_KEY", LANGCHAIN_API_KEY, unset="`LANGCHAIN_API_KEY`", meaning="The same key by its newer name."
)
LANGSMITH_ENDPOINT = environment.url(
    "LANGSMITH_ENDPOINT", "https://api.smith.langchain.com", ("http", "https"),
    meaning="LangSmith's API, to which `/otel/v1/traces` is added.",
)
LANGSMITH_PROJECT = environment.text("LANGSMITH_PROJECT", "default", meaning="The project there.")
# fmt: on

for _entry in MCP_STDIO_COMMANDS:
    try:
        shlex.split(_entry)
    except ValueError:
        environment.refuse("MCP_STDIO_COMMANDS", f"{_entry!r} is no command as in a shell: a quotation mark is open.")
for _entry in EGRESS_ALLOWED:
    try:
        permits.parse(_entry)
    except ValueError as _error:
        environment.refuse("EGRESS_ALLOWED", str(_error))
for _entry in OTEL_EXPORTER_OTLP_HEADERS:
    if not _entry.partition("=")[0].strip() or "=" not in _entry:
        environment.refuse("OTEL_EXPORTER_OTLP_HEADERS", "it takes name=value, separated by commas.")
if any(len(_key) < 32 for _key in CREDENTIALS_KEYS):
    environment.refuse(
        "CREDENTIALS_KEYS", "each key is a random value of at least 32 characters, as openssl rand -hex 32 gives."
    )
if WEB_SEARCH_PROVIDER == "searxng" and not WEB_SEARCH_URL:
    environment.refuse(
        "WEB_SEARCH_URL", "SearXNG is a server of your own; it takes its URL, such as http://searxng:8080."
    )
if WEB_SEARCH_PROVIDER in ("brave", "tavily") and not WEB_SEARCH_API_KEY:
    environment.refuse("WEB_SEARCH_API_KEY", f"{WEB_SEARCH_PROVIDER} takes a key.")
if IN_PRODUCTION:
    for _name, _value in (("SECRET_KEY", SECRET_KEY), ("API_KEY_PEPPER", API_KEY_PEPPER)):
        if len(_value) < 32 or _value.startswith("development"):
            environment.refuse(_name, "production takes a random value of at least 32 characters.")
    if "*" in ALLOWED_HOSTS:
        environment.refuse("ALLOWED_HOSTS", "production takes the host names it answers to, comma-separated.")
    for _name, _value in (("DATABASE_URL", DATABASE_URL), ("REDIS_URL", REDIS_URL)):
        if not _value:
            environment.refuse(_name, "production does not run on the embedded stores; name a server.")
    if MODEL_IS_EMBEDDED:
        environment.refuse(
            "OPENAI_API_KEY", "production does not run on the embedded model; set it or OPENAI_BASE_URL."
        )

# Django -------------------------------------------------------------------------------------------------------------

DEBUG = False
ROOT_URLCONF = "agentplatform.urls"
ASGI_APPLICATION = "agentplatform.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
APPEND_SLASH = True

INSTALLED_APPS = [
    "agentplatform",  # first: it has another build of Alpine than unfold brings (docs/decisions.md)
    "unfold.apps.BasicAppConfig",
    "accounts.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "accounts",
    "accounts.money",
    "agents",
    "agents.usage",
    "agents.conversations",
    "agents.mcp_servers",
    "agents.approvals",
    "agents.webhooks",
    "agents.knowledge",
    "agents.http_apis",
    "agents.evals",
    "feedback",
]

# The API passes only middleware that runs on the event loop; a synchronous one costs a thread hop per request.
API_MIDDLEWARE = [
    "agentplatform.middleware.PrometheusBefore",
    "agentplatform.middleware.RequestContext",
    "agentplatform.middleware.SecurityHeaders",
    "corsheaders.middleware.CorsMiddleware",
    "agentplatform.middleware.PrometheusAfter",
]
MIDDLEWARE = [
    "agentplatform.middleware.PrometheusBefore",
    "agentplatform.middleware.RequestContext",
    "agentplatform.middleware.SecurityHeaders",
    "agentplatform.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
    "agentplatform.middleware.PrometheusAfter",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "agentplatform" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
WHITENOISE_MAX_AGE = 3600
# Without collected files they are served from where the packages have them.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# An operator's name is locked for an address that tried many passwords for it; the address as such is limited before
# (accounts/edge.py). Kept in Redis, where it ends by itself.
AXES_HANDLER = "accounts.lock_out.LockOut"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "accounts.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "accounts.console_site.locked_out"
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
OTP_TOTP_ISSUER = "Agentplatform"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IN_PRODUCTION
CSRF_COOKIE_HTTPONLY = True  # the console's forms carry the token themselves
# The headers that these two would have Django's middleware send are sent by our own (agentplatform/middleware.py).
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002"]
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IN_PRODUCTION else None
CSRF_TRUSTED_ORIGINS = [origin for origin in ALLOWED_ORIGINS if origin != "*"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 1000  # a form takes fewer, and says so

# Stores -------------------------------------------------------------------------------------------------------------

_database: dict[str, Any] = environ.Env.db_url_config(DATABASE_URL or "postgres://127.0.0.1:1/not-running")
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "django_prometheus.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "connect_timeout": 3,
            "application_name": "agentplatform",
            "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s",
        },
    }
}
CACHES = {
    "default": {
        "BACKEND": "django_prometheus.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL or "redis://127.0.0.1:1/0",
        "KEY_PREFIX": "ap:django",
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 1,
        },
    }
}

# The API ------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["agentplatform.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["agentplatform.rendering.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "agentplatform.schema.AutoSchema",
    "EXCEPTION_HANDLER": "agentplatform.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Agentplatform",
    "DESCRIPTION": "Send a task; agents do it: in the request, in the background, or streamed.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "AUTHENTICATION_WHITELIST": [],
    "POSTPROCESSING_HOOKS": ["agentplatform.schema.describe_errors"],
    "SERVERS": [],
}
CORS_ALLOW_ALL_ORIGINS = "*" in ALLOWED_ORIGINS
CORS_ALLOWED_ORIGINS = [origin for origin in ALLOWED_ORIGINS if origin != "*"]
CORS_ALLOW_HEADERS = [
    "authorization", "content-type", "accept", "idempotency-key", "last-event-id", "x-request-id", "traceparent", "tracestate",
]  # fmt: skip
CORS_EXPOSE_HEADERS = [
    "location", "retry-after", "x-request-id", "x-cache", "idempotent-replayed", "ratelimit", "ratelimit-policy",
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
]  # fmt: skip
HEALTH_CHECKS = {
    "database": "agentplatform.health.database",
    "redis": "agentplatform.health.redis",
    "orchestrator": "agents.health.orchestrator",
    "worker": "agents.health.worker",
    "limits": "accounts.limits.health",
}
if CELERY_BROKER_URL != REDIS_URL:
    HEALTH_CHECKS["broker"] = "agentplatform.broker_health.broker"
TABLE_METRICS = "agents.metrics.gauges"  # for /metrics, as checks are for /health
DOCTOR_CHECKS = {
    "settings": "agentplatform.doctor.parts.of_settings",
    "database": "agentplatform.doctor.parts.database",
    "migrations": "agentplatform.doctor.parts.migrations",
    "redis": "agentplatform.doctor.parts.redis",
    "broker": "agentplatform.doctor.parts.broker",
    "clocks": "agentplatform.doctor.parts.clocks",
    "limits": "accounts.doctor.limits",
    "money": "accounts.doctor.money",
    "processes": "agents.doctor.processes",
    "provider": "agents.doctor.provider",
    "tasks": "agents.doctor.tasks",
    "webhooks": "agents.doctor.webhooks",
    "growth": "agents.doctor.growth",
}
DOCTOR_REMEDIES = {"sweep": ("Sweep now", "agents.doctor.sweep")}
DECISIONS = "agents.decisions.admitted"  # for previews of changed limits
RATELIMIT_USE_CACHE = "default"
RATELIMIT_FAIL_OPEN = True


def _link(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Agentplatform",
    "SITE_HEADER": "Agentplatform",
    "SITE_SUBHEADER": "Operators' console",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("agentplatform/icon.svg")}],
    "DASHBOARD_CALLBACK": "agents.admin.dashboard.context",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda _request: static("agentplatform/console.css")],
    "SCRIPTS": [lambda _request: static("agentplatform/console.js")],
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% .018 272.3)", "100": "oklch(93% .034 272.8)", "200": "oklch(87% .065 274)",
            "300": "oklch(78.5% .115 274.7)", "400": "oklch(67.3% .182 276.9)", "500": "oklch(58.5% .2 276)",
            "600": "oklch(48.5% .17 274)", "700": "oklch(43% .15 274)", "800": "oklch(38% .13 274)",
            "900": "oklch(34% .11 274)", "950": "oklch(25% .09 274)",
        },
    },
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Work",
                "items": [
                    {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    _link("Tasks", "task_alt", "agents_task"),
                    _link("Conversations", "forum", "conversations_conversation"),
                    _link("Approvals", "how_to_reg", "approvals_approval"),
                    _link("Unknown outcomes", "help_center", "agents_unknownoutcome"),
                    _link("Webhook deliveries", "webhook", "webhooks_delivery"),
                    _link("Feedback", "thumbs_up_down", "feedback_feedback"),
                    _link("Usage", "bar_chart", "usage_dailyusage"),
                    _link("Processes", "memory", "agents_process"),
                    {"title": "Doctor", "icon": "stethoscope", "link": reverse_lazy("doctor")},
                ],
            },
            {
                "title": "Agents",
                "items": [
                    {
                        "title": "Playground", "icon": "play_circle",
                        "link": reverse_lazy("admin:agents_agentversion_playground"),
                        "permission": lambda request: request.user.has_perm("agents.change_agentversion"),
                    },
                    _link("Agents", "smart_toy", "agents_agent"),
                    _link("Versions", "history", "agents_agentversion")
                    | {"active": lambda request: request.path.startswith("/admin/agents/agentversion/")
                        and "/playground/" not in request.path},
                    _link("Data sets", "fact_check", "evals_dataset"),
                    _link("Runs", "labs", "evals_run"),
                    _link("MCP servers", "hub", "mcp_servers_mcpserver"),
                    _link("MCP tools", "build", "mcp_servers_mcptool"),
                    _link("HTTP APIs", "api", "http_apis_httpapi"),
                    _link("HTTP operations", "http", "http_apis_httpoperation"),
                ],
            },
            {
                "title": "Knowledge",
                "items": [
                    _link("Collections", "folder_open", "knowledge_collection"),
                    _link("Documents", "description", "knowledge_document"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _link("Clients", "apartment", "accounts_client"),
                    _link("API keys", "key", "accounts_apikey"),
                    _link("Tiers", "speed", "accounts_tier"),
                    _link("Refusals", "block", "accounts_refusal"),
                    {
                        "title": "Guard", "icon": "shield", "link": reverse_lazy("admin:agents_guardmark_measure"),
                        "permission": lambda request: request.user.has_perm("agents.view_guardmark"),
                    },
                    _link("Audit", "history_edu", "accounts_auditentry"),
                ],
            },
            {
                "title": "Money",
                "items": [
                    _link("Budgets", "savings", "money_budget"),
                    _link("Prices", "sell", "money_price"),
                    _link("Ledger", "receipt_long", "money_ledgerentry"),
                ],
            },
            {
                "title": "Operators",
                "items": [
                    _link("Users", "person", "auth_user"),
                    _link("Roles", "group", "auth_group"),
                    {"title": "Second factor", "icon": "phonelink_lock", "link": reverse_lazy("admin:second_factor")},
                ],
            },
        ],
    },
}  # fmt: skip

# Celery -------------------------------------------------------------------------------------------------------------

CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "agents"
CELERY_TASK_QUEUES = [Queue("agents"), Queue("agents.long")]
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONSUMER = "agentplatform.broker.Consumer"
CELERY_WORKER_CONCURRENCY = WORKER_CONCURRENCY
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 4
# A connection that went dead without a word is noticed by worker and publishers alike within seconds (docs/decisions.md).
if CELERY_BROKER_URL.startswith("amqp"):
    CELERY_BROKER_HEARTBEAT = 5
    CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # or a message that RabbitMQ takes back would end the worker
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"read_timeout": 5, "write_timeout": 5}
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "global_keyprefix": "ap:celery:", "visibility_timeout": 3600,
        "socket_timeout": 5, "socket_connect_timeout": 2, "socket_keepalive": True, "health_check_interval": 3,
    }  # fmt: skip

# Logs, metrics and traces -------------------------------------------------------------------------------------------

LOGGING_CONFIG = None
logging_config(LOG_LEVEL)
PROMETHEUS_EXPORT_MIGRATIONS = False
# prometheus_client itself reads the variable; services that share the folder add up to one /metrics.
if PROMETHEUS_MULTIPROC_DIR:
    Path(PROMETHEUS_MULTIPROC_DIR).mkdir(parents=True, exist_ok=True)
else:
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # an empty one would mean the current folder

# Who gets spans, with which headers; see agentplatform/trace_export.py.
TRACES_TO = []
if OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and not OTEL_SDK_DISABLED:
    _sent = (entry.partition("=") for entry in OTEL_EXPORTER_OTLP_HEADERS)
    _headers = {name.strip(): unquote(value.strip()) for name, _, value in _sent}
    TRACES_TO.append(Receiver(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, _headers))
if LANGSMITH_API_KEY and not OTEL_SDK_DISABLED:
    _headers = {"x-api-key": LANGSMITH_API_KEY, "Langsmith-Project": LANGSMITH_PROJECT}
    TRACES_TO.append(Receiver(f"{LANGSMITH_ENDPOINT.rstrip('/')}/otel/v1/traces", _headers, is_standard=False))
