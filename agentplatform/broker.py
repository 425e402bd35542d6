"""Celery's Redis transport, mended: a lost connection must not end the worker."""

from kombu.transport import redis


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


def mend() -> None:
    """Have every channel of this process to a Redis broker use it."""
    redis.Channel.QoS = QoS
