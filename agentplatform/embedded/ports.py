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


def numeric(host: str) -> str:
    """Give the address of a host's name, an IPv4 one if it has any. Raises OSError when nobody knows the name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return str(min(found, key=lambda info: info[0] != socket.AF_INET)[4][0])


def is_free(address: str, port: int) -> bool:
    """Tell whether one could listen there now. Raises OSError when the address is not this machine's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # remains of closed connections do not count
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True
