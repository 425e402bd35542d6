"""Requests to servers outside: what comes back, and what ends those that would not end."""

import asyncio
import gzip
import ssl
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from agents.egress import client, permits
from agents.egress.client import Answer, Limits
from agents.egress.errors import EgressError, Refused, TookTooLong, Unreachable, Unusable
from tests.agents.egress.conftest import Names, Place
from tests.end_to_end import tls
from tests.outside import Call, OutsideServer, serving

SHORT = Limits(total_seconds=0.5, connect_seconds=0.3)


def fetch(url: str, *, method: str = "GET", **more: Any) -> Answer:
    return asyncio.run(client.request(method, url, **more))


def refusal(url: str, **more: Any) -> EgressError:
    with pytest.raises(EgressError) as raised:
        fetch(url, **more)
    return raised.value


def test_it_gives_the_answer_whole(outside: OutsideServer) -> None:
    outside.on("/page", "größer", Content_Type="text/plain; charset=utf-8")

    answer = fetch(f"{outside.url}/page?a=1#b")

    assert (answer.status, answer.body.decode(), answer.is_cut) == (200, "größer", False)
    assert (answer.content_type, answer.charset, answer.told) == ("text/plain", "utf-8", "200 OK")
    [call] = outside.calls
    assert call.path == "/page?a=1"
    assert "Agentplatform" in call.headers["User-Agent"]
    assert "Cookie" not in call.headers


def test_any_status_is_an_answer(outside: OutsideServer) -> None:
    answer = fetch(f"{outside.url}/missing")
    assert (answer.told, answer.is_success) == ("404 Not Found", False)


def test_it_sends_a_body_and_headers(outside: OutsideServer) -> None:
    outside.on("/hook", "ok")
    fetch(f"{outside.url}/hook", method="POST", headers={"Content-Type": "application/json"}, body=b"{}")
    [call] = outside.calls
    assert (call.command, call.body, call.headers["Content-Type"]) == ("POST", b"{}", "application/json")


def test_a_certificate_that_nobody_trusts_is_told(outside: OutsideServer, settings: Settings, tmp_path: Path) -> None:
    with tls.relayed("127.0.0.1", outside.port, tls.certificate(tmp_path)) as port:
        settings.EGRESS_ALLOWED = [f"127.0.0.1:{port}"]
        untrusted = refusal(f"https://127.0.0.1:{port}/")
    assert (type(untrusted), str(untrusted)) == (Unreachable, "127.0.0.1 has a certificate that cannot be trusted.")
    assert outside.calls == []


def test_who_speaks_no_tls_is_told(outside: OutsideServer) -> None:
    plain = refusal(f"https://127.0.0.1:{outside.port}/")
    assert (type(plain), str(plain)) == (Unreachable, "No secure connection to 127.0.0.1 could be made.")


def test_over_tls_the_name_is_checked_and_the_address_is_the_judged_one(
    names: Names, connections: list[Place], outside: OutsideServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.on("/", "secret")
    context = tls.certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    with tls.relayed("127.0.0.1", outside.port, context) as port:
        names.lead("elsewhere.example.com", "127.0.0.1")
        permitted = (permits.parse(f"127.0.0.1:{port}"),)
        assert fetch(f"https://127.0.0.1:{port}/", permits=permitted).body == b"secret"
        wrong = refusal(f"https://elsewhere.example.com:{port}/", permits=permitted)
    assert str(wrong) == "elsewhere.example.com has a certificate that cannot be trusted."
    assert set(connections) >= {("127.0.0.1", port)}


@pytest.mark.parametrize("header", [("X-A", "1\r\nHost: inside"), ("X-A\n", "1"), ("X-A", "\0")])
def test_a_header_cannot_smuggle_another(outside: OutsideServer, header: tuple[str, str]) -> None:
    assert isinstance(refusal(outside.url, headers=dict([header])), Refused)
    assert outside.calls == []


def test_no_proxy_of_the_environment_comes_between(outside: OutsideServer, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.on("/", "direct")
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(outside.url).body == b"direct"


# Rebinding: the name leads somewhere else the second time it is looked up.


def test_it_connects_to_the_address_that_was_judged(
    names: Names, connections: list[Place], outside: OutsideServer
) -> None:
    names.lead("rebind.example.com", "127.0.0.1", "127.0.0.2")
    outside.on("/", "judged")
    with serving("127.0.0.2", outside.port) as inside:
        assert fetch(f"http://rebind.example.com:{outside.port}/").body == b"judged"
        assert names.asked == ["rebind.example.com"]
        assert connections == [("127.0.0.1", outside.port)]
        assert inside.calls == []


def test_public_first_then_private_stays_public(names: Names, connections: list[Place]) -> None:
    names.lead("rebind.example.com", "93.184.216.34", "127.0.0.1")
    assert isinstance(refusal("http://rebind.example.com/"), Unreachable)
    assert set(connections) == {("93.184.216.34", 80)}
    assert names.asked == ["rebind.example.com"]


def test_the_next_hop_is_judged_anew(names: Names, connections: list[Place], outside: OutsideServer) -> None:
    names.lead("rebind.example.com", "127.0.0.1", "127.0.0.2")
    outside.on("/", status=302, Location="/again")
    refused = refusal(f"http://rebind.example.com:{outside.port}/")
    assert isinstance(refused, Refused)
    assert connections == [("127.0.0.1", outside.port)]


def test_one_bad_address_among_good_ones_refuses_all(
    names: Names, connections: list[Place], outside: OutsideServer
) -> None:
    names.lead("mixed.example.com", "127.0.0.1, 127.0.0.2")
    assert isinstance(refusal(f"http://mixed.example.com:{outside.port}/"), Refused)
    assert connections == []


def test_a_name_that_is_nobodys(names: Names) -> None:
    missing = refusal("http://missing.example.com/")
    assert isinstance(missing, Unreachable)
    assert str(missing) == "missing.example.com was not found: there is no such host, or it cannot be looked up now."


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_redirects_and_says_where_it_ended(outside: OutsideServer, status: int) -> None:
    outside.on("/old/a", status=status, Location="../new?q=1")
    outside.on("/new", "here")
    answer = fetch(f"{outside.url}/old/a")
    assert (answer.body, answer.url) == (b"here", f"{outside.url}/new?q=1")


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.2/",
        "//localhost/",
        "http://[::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "http://user:secret@example.com/",
        "http://[",
    ],
)
def test_a_redirect_to_what_is_refused_is_refused(outside: OutsideServer, connections: list[Place], place: str) -> None:
    outside.on("/", status=302, Location=place)
    refused = refusal(outside.url)
    assert isinstance(refused, Refused)
    assert str(refused).startswith("127.0.0.1 redirects to an address that is refused.")
    assert "secret" not in str(refused)
    assert connections == [("127.0.0.1", outside.port)]


def test_redirects_have_an_end(outside: OutsideServer) -> None:
    outside.on("/", status=302, Location="/")
    assert isinstance(refusal(outside.url), Unusable)
    assert len(outside.calls) == 6


def test_another_origin_learns_no_secrets(outside: OutsideServer, settings: Settings) -> None:
    secrets = {"Authorization": "Bearer s", "X-Api-Key": "s", "Cookie": "s=1", "Accept": "text/plain"}
    with serving() as other:
        settings.EGRESS_ALLOWED = ["127.0.0.1:*"]
        outside.on("/", status=302, Location="/there")
        outside.on("/there", status=302, Location=f"{other.url}/")
        other.on("/", status=302, Location=f"{outside.url}/back")
        outside.on("/back", "ok")
        fetch(outside.url, headers=secrets)

        assert [call.headers.get("Authorization") for call in outside.calls] == ["Bearer s", "Bearer s", None]
        assert all(secrets[name] == outside.calls[1].headers[name] for name in secrets)
        [elsewhere] = other.calls
        assert [elsewhere.headers.get(name) for name in secrets] == [None, None, None, "text/plain"]


def test_a_post_and_who_asks_for_none_get_the_redirect_itself(outside: OutsideServer) -> None:
    outside.on("/", status=307, Location="/there")
    assert fetch(outside.url, method="POST", body=b"secret").status == 307
    assert fetch(outside.url, limits=Limits(max_redirects=0)).status == 307
    assert outside.asked == ["/", "/"]


# Answers that would not end.


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_cut_while_it_unpacks(outside: OutsideServer, encoding: str) -> None:
    packer = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = packer(b"0" * 50_000_000, 9)
    outside.on("/", bomb, Content_Encoding=encoding)

    tracemalloc.start()
    answer = fetch(outside.url, limits=Limits(max_bytes=100_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (answer.body, answer.is_cut) == (b"0" * 100_000, True)
    assert peak < 10_000_000


def test_an_endless_body_is_cut_and_the_connection_closed(outside: OutsideServer) -> None:
    import threading

    closed = threading.Event()

    def flood(call: Call) -> None:
        call.send_response_only(200)
        call.end_headers()
        try:
            while not call.is_over.is_set():
                call.wfile.write(b"x" * 65_536)
        except OSError:
            closed.set()

    outside.on("/", flood)
    answer = fetch(outside.url, limits=Limits(max_bytes=300_000))
    assert (len(answer.body), answer.is_cut) == (300_000, True)
    assert closed.wait(5)


def drip(call: Call) -> None:
    call.send_response_only(200)
    call.end_headers()
    while not call.is_over.wait(0.02):
        call.wfile.write(b".")


def drip_headers(call: Call) -> None:
    call.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not call.is_over.wait(0.02):
        call.wfile.write(b"X-More: 1\r\n" if len(call.server.calls) > 1 else b"X")


def informs(call: Call) -> None:
    while not call.is_over.wait(0.01):
        call.wfile.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def hang(call: Call) -> None:
    call.is_over.wait(10)


@pytest.mark.parametrize("handle", [drip, drip_headers, informs, hang])
def test_what_does_not_end_is_ended_by_time(outside: OutsideServer, handle: Any) -> None:
    outside.on("/", handle)
    began = time.monotonic()
    late = refusal(outside.url, limits=SHORT)
    assert type(late) is TookTooLong
    assert str(late) == f"'{outside.url}' did not answer in full within 0.5 s."
    assert time.monotonic() - began < 3


def test_a_name_service_that_hangs_is_given_up(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import threading

    goes_on = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: goes_on.wait(10) and [])
    try:
        assert isinstance(refusal("http://slow.example.com/", limits=SHORT), Unreachable)
    finally:
        goes_on.set()


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"x" * 20_000 + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % number for number in range(2000)),
        b"no header\r\n",
    ],
    ids=["one long", "many", "none at all"],
)
def test_headers_that_are_too_large_or_wrong_are_not_read(outside: OutsideServer, headers: bytes) -> None:
    outside.on("/", lambda call: call.wfile.write(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n"))
    assert isinstance(refusal(outside.url), Unusable)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nnogzip",
    ],
)
def test_half_an_answer_is_none(outside: OutsideServer, answer: bytes) -> None:
    outside.on("/", lambda call: call.wfile.write(answer))
    assert isinstance(refusal(outside.url), Unreachable)


def test_a_closed_port_is_told(settings: Settings) -> None:
    settings.EGRESS_ALLOWED = ["127.0.0.1:*"]
    closed = refusal("http://127.0.0.1:1/")
    assert (type(closed), str(closed)) == (Unreachable, "127.0.0.1 takes no connection.")


def test_a_type_that_is_not_taken_is_not_read(outside: OutsideServer) -> None:
    outside.on("/", b"\x89PNG", Content_Type="image/png")
    unusable = refusal(outside.url, limits=Limits(takes=lambda kind: kind == "text/html"))
    assert isinstance(unusable, Unusable)
    assert str(unusable) == "127.0.0.1 sent image/png, which cannot be used here."


def test_a_process_has_so_many_requests_under_way(outside: OutsideServer, settings: Settings) -> None:
    settings.EGRESS_CONCURRENCY = 2
    outside.on("/hang", hang)
    outside.on("/", "ok")

    async def crowd() -> list[Answer | BaseException]:
        hanging = [client.request("GET", f"{outside.url}/hang", limits=Limits(total_seconds=0.4)) for _ in range(2)]
        waiting = client.request("GET", outside.url)
        return await asyncio.gather(*hanging, waiting, return_exceptions=True)

    *late, answer = asyncio.run(crowd())
    assert [type(each) for each in late] == [TookTooLong, TookTooLong]
    assert isinstance(answer, Answer)
    assert outside.asked == ["/hang", "/hang", "/"]


def test_a_stream_is_read_as_it_comes(outside: OutsideServer) -> None:
    outside.on("/", drip)

    async def first() -> bytes:
        async with client.opened("GET", outside.url) as response:
            return await response.content.readexactly(3)

    assert asyncio.run(first()) == b"..."
