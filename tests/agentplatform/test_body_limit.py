import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from agentplatform.body_limit import _declared_bytes
from tests.api import Api
from tests.fixtures import Counted

LIMIT = settings.MAX_REQUEST_BYTES
pytestmark = pytest.mark.urls("tests.agentplatform.urls")


def of_size(size: int) -> bytes:
    return json.dumps({"dish": ""}).encode().replace(b'""', b'"' + b"x" * (size - 12) + b'"')


def pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


def test_a_body_of_exactly_the_limit_is_read(api: Api) -> None:
    body = of_size(LIMIT)
    assert len(body) == LIMIT
    assert api.post("/echo", content=body, headers={"Content-Type": "application/json"}).status_code == 200


def test_one_byte_more_is_refused(api: Api) -> None:
    answer = api.post("/echo", content=of_size(LIMIT + 1), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert str(LIMIT) in answer.json()["detail"]
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_body_that_declares_no_size_is_counted_as_it_comes(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    assert api.post("/echo", content=pieces(of_size(LIMIT)), headers=headers).status_code == 200
    answer = api.post("/echo", content=pieces(of_size(LIMIT + 1)), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


def test_a_declared_size_is_refused_before_the_body_comes(api: Api) -> None:
    address = urlsplit(str(api.base_url))
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nx")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_refusals_are_counted(api: Api, counted: Counted) -> None:
    api.post("/echo", content=of_size(LIMIT + 1))
    assert counted("agent_refusals_total", code="request_too_large") == 1


@pytest.mark.parametrize("declared", [b"many", b"-1", b""])
def test_a_size_that_is_no_number_declares_nothing(declared: bytes) -> None:
    assert _declared_bytes({"headers": [(b"content-length", declared)]}) == 0
