"""What is fuzzed: readers of bytes that strangers send. Each takes any bytes, and raises where a promise is broken."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))
SECONDS = 5.0
"""What reading one input may take, at the very most; inputs are 4 KB at most."""

Target = Callable[[bytes], None]


def keys(data: bytes) -> None:
    """A key in a header: any bytes are a key or none, and no key with a wrong checksum is one."""
    from accounts import keys

    secret = keys.bearer(data.decode("latin1"))
    if keys.is_wellformed(secret):
        assert secret.isascii()
        assert len(secret) <= keys.MAX_CHARACTERS
        if secret.startswith(keys.START):
            body, _, checksum = secret.rpartition("_")
            assert keys.checksum(body) == checksum


def normaliser(data: bytes) -> None:
    """The injection guard: a verdict on any text, within its bounds, and the same again."""
    from agents.guards.injection import check
    from agents.guards.injection.normalise import normalised

    text = data.decode(errors="replace")
    spelt = normalised(text)
    assert not any("A" <= letter <= "Z" for letter in spelt)
    verdict = check(text)
    assert 0 <= verdict.score <= 1
    assert (verdict.verdict == "pass") == (verdict.score < 0.5)
    assert check(text) == verdict


def masking(data: bytes) -> None:
    """Masking: what is masked once stays as it is."""
    from agents.guards.masking import masked

    once = masked(data.decode(errors="replace"), "personal", phone_region="DE")
    assert masked(once, "personal", phone_region="DE") == once


def sse(data: bytes) -> None:
    """The Python client's reading of a stream: events, or an error of its own, whatever a server sends."""
    import httpx2

    from agentplatform_client._reading import MOST_EVENT_BYTES, Reading
    from agentplatform_client.errors import AgentplatformError

    reading = Reading()
    request = httpx2.Request("GET", "http://server.example/")
    answer = httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=data, request=request)
    try:
        for sent in httpx2.EventSource(answer, MOST_EVENT_BYTES):
            reading.event(sent)
    except (AgentplatformError, httpx2.TransportError):
        return
    assert isinstance(reading.text, str)


def last_event_id(data: bytes) -> None:
    """Where a stream goes on: a position, or a refusal that says what would be right."""
    from agentplatform.errors import InvalidRequest
    from agents.views import position_of

    try:
        event, sent = position_of(data.decode("latin1"))
    except InvalidRequest:
        return
    assert event >= 0
    assert sent >= 0


TARGETS: dict[str, Target] = {each.__name__: each for each in (keys, normaliser, masking, sse, last_event_id)}


def run(target: Target, data: bytes) -> None:
    """Try one input, within its time."""
    began = time.monotonic()
    target(data)
    assert time.monotonic() - began < SECONDS, "it takes too long"
