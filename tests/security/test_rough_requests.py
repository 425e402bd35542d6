"""Requests that no honest client sends: too deep, too big, too many, too slow, or odd.

Each is refused early, and the next one works.
"""

import json
import resource
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from tests.api import Api, Persona

MEBIBYTE = 1024 * 1024
JSON_TYPE = {"Content-Type": "application/json"}


@contextmanager
def raw(api: Api, timeout: float = 5) -> Iterator[socket.socket]:
    address = urlsplit(str(api.base_url))
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=timeout) as connection:
        yield connection


def answered(connection: socket.socket) -> bytes:
    """The beginning of the answer; empty when the server only hung up."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def deep(levels: int, opening: str, middle: str, closing: str) -> str:
    return opening * levels + middle + closing * levels


@pytest.mark.parametrize("levels", [1_000, 20_000])
@pytest.mark.parametrize(("opening", "middle", "closing"), [("[", "", "]"), ('{"a":', "1", "}")])
@pytest.mark.parametrize("field", ["context", "metadata", "output_schema", "limits", "task"])
def test_json_of_a_thousand_levels_is_refused(
    alice: Persona, levels: int, opening: str, middle: str, closing: str, field: str
) -> None:
    body = f'{{"task": "Hello.", "{field}": {deep(levels, opening, middle, closing)}}}'
    began = time.monotonic()
    answer = alice.post("/agent/execute", content=body, headers=JSON_TYPE)
    assert answer.status_code == 400, answer.text
    assert time.monotonic() - began < 2
    assert len(answer.content) < 4096


def packed(mebibytes: int) -> bytes:
    """So many mebibytes of spaces, packed piece by piece: the peak of this process's memory is what the test goes by."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * MEBIBYTE) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_compressed_body_is_not_unpacked(alice: Persona, encoding: str) -> None:
    bomb = packed(64)
    assert len(bomb) < 256 * 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = alice.post("/agent/execute", content=bomb, headers={**JSON_TYPE, "Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024  # KiB


def test_many_large_bodies_leave_memory_flat(alice: Persona) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        answer = alice.post("/agent/execute", content=b"x" * (4 * MEBIBYTE), headers=JSON_TYPE)
        assert answer.status_code == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_thousands_of_headers_are_refused(api: Api) -> None:
    with raw(api) as connection:
        headers = b"".join(b"X-%d: y\r\n" % number for number in range(5_000))
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
        assert not answered(connection).startswith(b"HTTP/1.1 2")
    assert api.get("/health/live").status_code == 200


@pytest.mark.parametrize("line", [b"GET /" + b"a" * 1_000_000, b"GET /health/live HTTP/1.1\r\nX: " + b"a" * 1_000_000])
def test_a_line_without_end_is_refused(api: Api, line: bytes) -> None:
    with raw(api) as connection:
        try:
            connection.sendall(line)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert not answered(connection).startswith(b"HTTP/1.1 2")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "agents.example.com.evil.example", "agents.example.com:80@evil.example", "agents.example.com evil",
     "agents.example.com:port", "[::1", "<script>", "agents.example.com/..", "a" * 5_000, ".", "%00", "192.0.2.1"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/agent/types", "/admin/login/", "/docs", "/"])
def test_an_odd_host_is_refused(alice: Persona, settings: Settings, host: str, path: str) -> None:
    settings.ALLOWED_HOSTS = ["agents.example.com"]
    answer = alice.get(path, headers={"Host": host, "Accept": "text/html, application/json"})
    assert answer.status_code == 400, answer.text
    assert host not in answer.text or host == "."


def test_no_forwarded_host_is_believed(alice: Persona, settings: Settings) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "Accept": "text/html"}
    assert "evil.example" not in alice.get("/", headers=headers).text


ENCODED = {
    "utf-16": json.dumps({"task": "Hello."}).encode("utf-16"),
    "utf-32": json.dumps({"task": "Hello."}).encode("utf-32"),
    "utf-7": b"+AHsAIg-task+ACI:+ACI-Hello+ACIAfQ-",
    "latin-1": '{"task": "Grüße"}'.encode("latin-1"),
    "bom": b"\xef\xbb\xbf" + b'{"task": "Hello."}',
    "lone surrogate": b'{"task": "\\ud800"}',
    "overlong": b'{"task": "\xc0\xaf"}',
    "nul": b'{"task": "a\\u0000b"}',
    "two documents": b'{"task": "Hello."}{"task": "Bye."}',
    "nan": b'{"task": "Hello.", "limits": {"max_cost_usd": NaN}}',
    "infinity": b'{"task": "Hello.", "limits": {"max_steps": 1e999}}',
    "a number of many digits": b'{"task": "Hello.", "limits": {"max_steps": ' + b"9" * 100_000 + b"}}",
    "a form": b"task=Hello.",
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><task>&b;</task>',
    "pickle": b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("body", ENCODED.values(), ids=ENCODED.keys())
def test_what_is_no_plain_json_is_refused(alice: Persona, body: bytes) -> None:
    answer = alice.post("/agent/execute", content=body, headers=JSON_TYPE)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-16", "text/json", "application/xml", "multipart/form-data"]
)
def test_a_body_of_another_kind_is_refused(alice: Persona, kind: str) -> None:
    body = json.dumps({"task": "Hello."}).encode("utf-16")
    assert alice.post("/agent/execute", content=body, headers={"Content-Type": kind}).status_code in (400, 415)


SMUGGLING = {
    "both lengths": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a signed length": b"Content-Length: +5\r\n\r\nabcde",
    "a space before the colon": b"Content-Length : 5\r\n\r\nabcde",
    "a chunk without end": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc",
    "another encoding": b"Transfer-Encoding: xchunked\r\n\r\nabc",
}


@pytest.mark.parametrize("rest", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_no_second_request_is_smuggled_in(api: Api, rest: bytes) -> None:
    with raw(api, timeout=2) as connection:
        connection.sendall(b"POST /agent/execute HTTP/1.1\r\nHost: localhost\r\n" + rest)
        try:
            told = answered(connection)
        except TimeoutError:
            told = b""  # it waits for the rest
    assert not told.startswith(b"HTTP/1.1 2")
    assert b"agent_requests_total" not in told


def test_slow_senders_keep_nobody_waiting(api: Api, newcomer: Callable[..., Persona]) -> None:
    """Two hundred connections send a byte now and then. They hold no thread and no database connection."""
    dora = newcomer(tier="unlimited")
    address = urlsplit(str(api.base_url))
    begun = b"POST /agent/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nX-Slow: "
    slow = [socket.create_connection((address.hostname or "", address.port or 0), timeout=5) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(begun)
        for _ in range(5):
            began = time.monotonic()
            assert dora.execute().status_code == 200
            assert time.monotonic() - began < 2
            for connection in slow:
                connection.sendall(b"a")
    finally:
        for connection in slow:
            connection.close()
