"""Loopback ports for the embedded parts."""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range: no outgoing connection can take the port of a store that is being restarted, and
# no client that retries against a dead port can end up connected to itself.
RANGE = range(20_000, 32_000)


def free_port() -> int:
    """Give a port that nobody listened on a moment ago."""
    while True:
        port = random.choice(RANGE)  # noqa: S311  # not a secret
        if is_free(LOOPBACK, port):
            return port


def is_free(host: str, port: int) -> bool:
    """Tell whether one could listen there now. Raises OSError when the host is not this machine's."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # remains of closed connections do not count
        try:
            probe.bind(address)
            probe.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True
