"""Short and long tasks wait in queues of their own, so that long ones cannot keep short ones waiting.

How long a task may run is known when it is accepted. A worker takes from both queues, and gives long tasks a part of its
places alone: while that part is taken, it does not listen to their queue, and other workers may have what comes there.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings

REPUBLISH_AFTER = timedelta(seconds=3)
"""A message may be under way for so long before it counts as lost."""
SHORT = "agents"
LONG = "agents.long"


def queue_for(timeout_seconds: int) -> str:
    """Where a task that may run so long waits for a worker."""
    return LONG if timeout_seconds > settings.LONG_TASK_SECONDS else SHORT


class LongPlaces:
    """The places of this worker for long tasks, and its ear for their queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        self._consumer: Any = None

    def share(self, consumer: Any) -> None:
        """Begin with Celery's consumer, or go on with it over a new connection.

        One that takes from one queue alone has all its places for that.
        """
        if consumer is not self._consumer:
            is_shared = {SHORT, LONG} <= set(consumer.app.amqp.queues.consume_from)
            self._consumer = consumer if is_shared else None
        if self._consumer is not None:
            self._adjust()

    @contextmanager
    def taken(self, queue: str) -> Iterator[bool]:
        """Hold a place while the block runs; False when the task is long and no place for such is free."""
        if queue != LONG or self._consumer is None:
            yield True
            return
        with self._lock:
            is_free = self._taken < self._most
            self._taken += is_free
        self._adjust()
        try:
            yield is_free
        finally:
            with self._lock:
                self._taken -= is_free
            self._adjust()

    @property
    def _most(self) -> int:
        return settings.WORKER_LONG_CONCURRENCY or max(1, settings.WORKER_CONCURRENCY // 2)

    def _adjust(self) -> None:
        self._consumer.call_soon(self._listen_while_free)

    def _listen_while_free(self) -> None:
        """On the thread that speaks to the broker: listen to the queue of long tasks exactly while a place is free."""
        consuming = self._consumer.task_consumer
        if consuming is None:
            return  # the connection is being made again
        is_free, is_listening = self._taken < self._most, consuming.consuming_from(LONG)
        queues = self._consumer.app.amqp.queues
        if is_free and not is_listening:
            consuming.add_queue(queues.select_add(queues[LONG]))
            consuming.consume()
        elif is_listening and not is_free:
            queues.deselect(LONG)
            consuming.cancel_by_queue(LONG)


long_places = LongPlaces()
