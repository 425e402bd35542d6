"""What a reader of the documents has in front of them."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    # pytest loads this file before Django is set up.
    from tests.api import Api


@pytest.fixture
def trial(api: "Api", worker: None) -> Iterator[str]:
    """The URL of a platform as a trial has it: with the demo key, and with a worker that says that it is there."""
    from django.db import connections

    from accounts import bootstrap
    from agents import presence

    def stay_present() -> None:
        while not ended.wait(1):
            presence.say("worker")
        connections.close_all()

    bootstrap.fill_demo_key(is_wanted=True)
    presence.say("worker")
    ended = threading.Event()
    staying = threading.Thread(target=stay_present)
    staying.start()
    yield str(api.base_url).rstrip("/")
    ended.set()
    staying.join()
