"""Fixtures of the Python client's tests.

connect(url=..., key=..., ...)  a client of the server with Alice's key; each test that asks runs for both halves
platform                        that client with nothing special about it
agentctl                        the command line with Alice's key (see tests/clients/agentctl.py)
proxy                           a proxy to the server that can cut, freeze and pass so many bytes (see tests/clients/proxies.py)
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from agentplatform_client import Agentplatform, _retries
from tests.clients.halves import HALVES

if TYPE_CHECKING:
    # pytest loads this file before Django is set up.
    from pathlib import Path

    from tests.api import Persona
    from tests.clients.agentctl import Agentctl
    from tests.clients.proxies import Cutter

Connect = Callable[..., Agentplatform]


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(params=HALVES)
def connect(
    request: pytest.FixtureRequest, portal: BlockingPortal, alice: "Persona", proxy: "Cutter"
) -> Iterator[Connect]:
    made: list[Any] = []

    def connect(url: str | None = None, key: str | None = None, **options: Any) -> Agentplatform:
        made.append(HALVES[request.param](portal, url or str(alice.base_url), key or alice.key, **options))
        return made[-1]  # type: ignore[no-any-return]  # or its double

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def platform(connect: Connect) -> Agentplatform:
    return connect()


@pytest.fixture
def proxy(alice: "Persona") -> Iterator["Cutter"]:
    from tests.chaos.proxies import proxied
    from tests.clients.proxies import Cutter

    with proxied(str(alice.base_url), Cutter) as proxy:
        yield proxy


@pytest.fixture
def agentctl(
    alice: "Persona",
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: "Path",
) -> "Agentctl":
    from tests.clients.agentctl import Agentctl

    environment = {
        "AGENTPLATFORM_URL": str(alice.base_url),
        "AGENTPLATFORM_API_KEY": alice.key,
        "AGENTPLATFORM_CONFIG": "",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    return Agentctl(environment, capsys, monkeypatch)


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the client try again at once: the pauses have tests of their own."""
    monkeypatch.setattr(_retries, "FIRST_PAUSE_SECONDS", 0.01)
