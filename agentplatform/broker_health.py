"""Whether Celery's broker answers, for /health: asked of it in its own protocol, without a thread."""

import asyncio
import ssl
from urllib.parse import urlsplit

from django.conf import settings

# What a client says first, and the port where it says so. Any answer is a sign of life, a refusal too.
GREETINGS = {
    "redis": (b"PING\r\n", 6379),
    "rediss": (b"PING\r\n", 6379),
    "amqp": (b"AMQP\x00\x00\x09\x01", 5672),
    "amqps": (b"AMQP\x00\x00\x09\x01", 5671),
}


async def broker() -> str:
    """`ok`. Raises OSError when it cannot be reached, EOFError when it hangs up."""
    address = urlsplit(settings.CELERY_BROKER_URL)
    greeting, usual_port = GREETINGS[address.scheme]
    tls = ssl.create_default_context() if address.scheme in ("rediss", "amqps") else None
    reader, writer = await asyncio.open_connection(address.hostname, address.port or usual_port, ssl=tls)
    try:
        writer.write(greeting)
        await reader.readexactly(1)
    finally:
        writer.transport.abort()
    return "ok"
