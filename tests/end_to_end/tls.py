"""TLS before a store that has none, as managed stores have it: a relay with a certificate of this test's own making."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

LOOPBACK = "127.0.0.1"
# What a PostgreSQL client sends before it begins TLS: 8, the length, and a number that no protocol version has.
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a new certificate for loopback, which stands in `folder/ca.pem` for clients to trust."""
    key, chain = folder / "key.pem", folder / "ca.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
            "-subj", "/CN=stores", "-addext", f"subjectAltName=IP:{LOOPBACK}", "-keyout", key, "-out", chain,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def accept_ssl_request(client: socket.socket) -> None:
    """Agree to TLS as PostgreSQL does; a client that does not ask for it is cut off."""
    if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
        raise ConnectionError("a client came without TLS")
    client.sendall(b"S")


@contextlib.contextmanager
def relayed(
    host: str, port: int, context: ssl.SSLContext, greet: Callable[[socket.socket], None] = lambda _: None
) -> Iterator[int]:
    """Have the server reached with TLS, and only so, on the port that is given, for the block."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):  # the listener is closed
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with contextlib.suppress(OSError), client, socket.create_connection((host, port)) as server:
                greet(client)
                with context.wrap_socket(client, server_side=True) as secured:
                    _relay(secured, server)

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _relay(client: ssl.SSLSocket, server: socket.socket) -> None:
    other = {client: server, server: client}
    while True:
        for end in [client] if client.pending() else select.select([client, server], [], [])[0]:
            if not (data := end.recv(65_536)):
                return
            other[end].sendall(data)
