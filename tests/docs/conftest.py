"""What a reader of the documents has in front of them."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    # pytest loads this file before Django is set up.
    from tests.api import Api

MANAGER_KEY = "manager-key-456"


@pytest.fixture
def trial(api: "Api", worker: None) -> Iterator[str]:
    """The URL of a platform as a trial has it: the demo key, a key that may make keys, a worker that /health sees."""
    from django.db import connections

    from accounts import bootstrap, keys
    from accounts.models import ApiKey, Client
    from agents import presence

    def stay_present() -> None:
        while not ended.wait(1):
            presence.say("worker")
        connections.close_all()

    bootstrap.fill_demo_key(is_wanted=True)
    ApiKey.objects.create(
        client=Client.objects.get(name="demo"),
        name="manager",
        prefix="manager",
        digest=keys.digest(MANAGER_KEY),
        scopes=["execute", "read", "feedback", "keys"],
    )
    presence.say("worker")
    ended = threading.Event()
    staying = threading.Thread(target=stay_present)
    staying.start()
    yield str(api.base_url).rstrip("/")
    ended.set()
    staying.join()
