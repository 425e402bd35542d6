"""Celery's connection to its broker, mended: a lost one must neither end the worker nor keep it waiting."""

from functools import partial
from typing import Any

from celery.worker import consumer
from kombu.transport import redis

MOST_SECONDS_BETWEEN_TRIES = 5


class QoS(redis.QoS):
    """What a channel knows of the messages that it took and that are not done yet.

    kombu 5.7 speaks of them to Redis even when their channel was closed after an outage, once to put them back and once for each
    that is done. Either raises AttributeError, of which the whole worker ends, and its tasks with it. The outbox publishes
    again what was not finished, and a message that Redis itself gives back after its visibility timeout does nothing, so there
    is nothing to say.
    """

    restore_at_shutdown = False

    def ack(self, delivery_tag: str) -> None:
        if not self.channel.closed:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not self.channel.closed:
            super().reject(delivery_tag, requeue)


class Channel(redis.Channel):
    """Loses its idle connections with the one on which it listens: they are as dead, and each would be waited for in turn."""

    QoS = QoS

    def _on_connection_disconnect(self, connection: Any) -> None:
        super()._on_connection_disconnect(connection)  # type: ignore[misc]  # the stubs leave out what is kombu's own
        if pool := vars(self).get("_pool"):
            pool.disconnect(inuse_connections=False)


def mend() -> None:
    """Have every connection of this process to a Redis broker use these."""
    redis.Transport.Channel = Channel


class Consumer(consumer.Consumer):
    """Takes messages from the broker, and asks soon whether one that was away is back. Celery would wait up to 30 s."""

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=MOST_SECONDS_BETWEEN_TRIES)
        return super().ensure_connected(conn)
