"""The ASGI application: the console and the docs through Django's stock stack, the API through its own short one."""

import gc
import os
from typing import Any

import django

from agentplatform.embedded.lifeline import die_with_parent

die_with_parent()  # first: the parent may end while we start
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentplatform.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402  # Django must be set up first
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from accounts import console_sessions  # noqa: E402
from accounts.guess_gate import GuessGate  # noqa: E402
from agentplatform import lifespan, tracing  # noqa: E402
from agentplatform.api_handler import ApiHandler  # noqa: E402
from agentplatform.body_limit import BodyLimit  # noqa: E402
from agentplatform.health import expected_migrations  # noqa: E402
from agents import draining, running  # noqa: E402

CONSOLE_PATHS = ("/admin", "/static", "/docs", "/redoc", "/playground")
UPLOAD_PATH = "/admin/knowledge/document/add/"


django_console = ASGIHandler()
console = BodyLimit(django_console, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
uploads = BodyLimit(django_console, settings.KNOWLEDGE_MAX_UPLOAD_BYTES)
api = GuessGate(BodyLimit(ApiHandler(), settings.MAX_REQUEST_BYTES))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Route one HTTP connection to its stack; at the server's stop, have the runs of this process go on elsewhere."""
    if scope["type"] == "lifespan":
        await lifespan.answer(receive, send, on_stop=draining.begin, stopped=_all_left)
        return
    handler: Any = console if scope["path"].startswith(CONSOLE_PATHS) else api
    if scope["path"] == UPLOAD_PATH and scope["method"] == "POST" and await console_sessions.is_signed_in(scope):
        handler = uploads  # Django spools a body to disk before it asks who sends it, so strangers send no large ones
    if tracing.is_on():
        await tracing.served(handler, scope, receive, send)
    else:
        await handler(scope, receive, send)


async def _all_left() -> None:
    await running.all_left()
    await tracing.stopped()


tracing.start("web")
# Now rather than within the first request.
get_resolver().url_patterns  # noqa: B018  # reading it imports every view
expected_migrations()
# What is there by now stays for the process's life: collections need not walk through it, and come less often.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 50)
