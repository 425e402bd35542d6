"""Live events of tasks, for everyone in any process who follows one.

The journal is the truth; this only makes it quick. Followers in the runner's own process get its events and text directly, those
elsewhere hear of them through Redis and read the journal. Without Redis, or after it lost everything, one query a second for all
followed tasks of the process takes its place, and text arrives when its step is done.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import cast
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
from redis.asyncio.client import PubSub, Redis
from redis.exceptions import RedisError

from agentplatform import redis as platform_redis
from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents import draining
from agents.engine import events as e
from agents.models import Task

POLL_SECONDS = 1.0
IDLE_SECONDS = 30
INBOX_SIZE = 1000
PARTIAL_TEXT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Appended:
    """The journal has grown up to `last_seq`; the new events, when the runner is in this process."""

    last_seq: int
    events: tuple[tuple[int, e.Event], ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the root's text; `call_seq` is the journal number of its ModelCalled."""

    call_seq: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A piece of a delegate's text, for who wants to watch. It is kept nowhere: the whole stands in the journal soon."""

    run: str
    call_seq: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """This process stops: the follower goes on elsewhere."""


Shared = Appended | Delta | Aside
Message = Shared | Closed
Inbox = asyncio.Queue[Message]

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, "Hub"] = WeakKeyDictionary()


def hub() -> "Hub":
    """The running loop's hub."""
    loop = asyncio.get_running_loop()
    if (found := _hubs.get(loop)) is None:
        found = _hubs[loop] = Hub()
    return found


class Hub:
    """Hands messages to this loop's followers, and carries them to and from the other processes."""

    def __init__(self) -> None:
        self._inboxes: dict[UUID, set[Inbox]] = {}
        self._outgoing: asyncio.Queue[tuple[UUID, Shared]] = asyncio.Queue(INBOX_SIZE * 10)
        self._seen: dict[UUID, int] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    def tell(self, task_id: UUID, message: Shared, *, is_shared: bool) -> None:
        """Hand a message to the followers here and, when `is_shared`, in every other process. Never waits."""
        self._deliver(task_id, message)
        if is_shared:
            self._start()
            with contextlib.suppress(asyncio.QueueFull):
                self._outgoing.put_nowait((task_id, message))

    @contextmanager
    def follow(self, task_id: UUID) -> Iterator[Inbox]:
        """An inbox of what happens to the task from now on. Where it is full, the oldest goes: the reader sees the gap."""
        inbox: Inbox = asyncio.Queue(INBOX_SIZE)
        close_soon = partial(asyncio.get_running_loop().call_later, draining.FOLLOW_SECONDS, _put, inbox, Closed())
        self._inboxes.setdefault(task_id, set()).add(inbox)
        self._start()
        self._changed.set()
        try:
            with draining.heard(close_soon):
                yield inbox
        finally:
            self._inboxes[task_id].discard(inbox)
            if not self._inboxes[task_id]:
                del self._inboxes[task_id]
                self._seen.pop(task_id, None)
            self._changed.set()

    def _deliver(self, task_id: UUID, message: Message) -> None:
        for inbox in self._inboxes.get(task_id, ()):
            _put(inbox, message)

    def _start(self) -> None:
        if not self._workers:
            for work in (self._publish, self._listen, self._poll):
                # Of no request, though one of them is the first.
                self._workers.append(asyncio.create_task(_forever(work), context=Context()))

    async def _publish(self) -> None:
        """Carry our runners' messages to Redis, as many as wait in one round trip."""
        while not _is_to_end():
            batch = [await self._outgoing.get()]
            while not self._outgoing.empty() and len(batch) < 200:
                batch.append(self._outgoing.get_nowait())
            with contextlib.suppress(platform_redis.Away):
                await platform_redis.attempt(partial(self._send, batch))

    async def _send(self, batch: Sequence[tuple[UUID, Shared]], client: Redis) -> None:
        async with client.pipeline(transaction=False) as pipe:
            for task_id, message in batch:
                told: list[int | str]
                match message:
                    case Delta(call_seq, offset, text):
                        kept = partial_key(task_id, call_seq)
                        pipe.execute_command("HSET", kept, offset, text)
                        pipe.execute_command("EXPIRE", kept, PARTIAL_TEXT_SECONDS)
                        told = [call_seq, offset, text]
                    case Aside(run, call_seq, offset, text):
                        told = [run, call_seq, offset, text]
                    case Appended(last_seq):
                        told = [last_seq]
                pipe.execute_command("PUBLISH", _channel(task_id), orjson.dumps(told))
            await pipe.execute()

    async def _listen(self) -> None:
        """Hear from the other processes, over one connection for all followed tasks."""
        while not _is_to_end():
            try:
                async with platform_redis.client().pubsub(ignore_subscribe_messages=True) as pubsub:
                    # The connection lives as long as it has one subscription, so it always has this one.
                    await pubsub.subscribe(platform_redis.key("hub"))
                    subscribing = asyncio.create_task(self._subscribe(pubsub))
                    try:
                        while not (subscribing.done() or _is_to_end()):
                            if (message := await pubsub.get_message(timeout=IDLE_SECONDS)) is not None:
                                self._receive(message)
                    finally:
                        subscribing.cancel()
            except (RedisError, OSError, TimeoutError, AttributeError):
                # An AttributeError is redis-py's own, where the connection goes away while it reconnects.
                await asyncio.sleep(POLL_SECONDS)

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Keep the connection's channels equal to what is followed here."""
        subscribed: set[UUID] = set()
        while True:
            self._changed.clear()
            wanted = set(self._inboxes)
            with contextlib.suppress(RedisError, OSError):
                if fresh := wanted - subscribed:
                    await pubsub.subscribe(*map(_channel, fresh))
                if stale := subscribed - wanted:
                    await pubsub.unsubscribe(*map(_channel, stale))
                subscribed = wanted
                await self._changed.wait()
                continue
            return

    def _receive(self, message: dict[str, bytes]) -> None:
        task_id = UUID(message["channel"].rsplit(b":", 1)[-1].decode())
        match orjson.loads(message["data"]):
            case [int(last_seq)]:
                self._deliver(task_id, Appended(last_seq))
            case [int(call_seq), int(offset), str(text)]:
                self._deliver(task_id, Delta(call_seq, offset, text))
            case [str(run), int(call_seq), int(offset), str(text)]:
                self._deliver(task_id, Aside(run, call_seq, offset, text))

    async def _poll(self) -> None:
        """Ask PostgreSQL once a second how far the followed journals are: what makes Redis dispensable."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self._inboxes:
                continue
            with contextlib.suppress(Unavailable):
                for task_id, last_seq in await in_database(_last_numbers, list(self._inboxes)):
                    if task_id in self._inboxes and self._seen.get(task_id) != last_seq:
                        self._seen[task_id] = last_seq
                        self._deliver(task_id, Appended(last_seq))


def _put(inbox: Inbox, message: Message) -> None:
    if inbox.full():
        inbox.get_nowait()  # the oldest goes: the reader sees the gap before what follows
    inbox.put_nowait(message)


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    """Begin again after a fault nobody foresaw: without these loops, followers elsewhere would hear nothing."""
    while not _is_to_end():
        try:
            await work()
        except Exception:  # noqa: BLE001  # whatever it is, the next second may be better
            log(__name__).exception("hub_failed")
            await asyncio.sleep(POLL_SECONDS)


def _is_to_end() -> bool:
    """Whether this asyncio task was cancelled, though redis-py swallowed that: it does so while it connects."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def partial_key(task_id: UUID, call_seq: int) -> str:
    """Where Redis keeps the text of a step under way, for followers who come late."""
    return platform_redis.key("text", task_id, call_seq)


async def partial_text(task_id: UUID, call_seq: int) -> str:
    """The text of a step under way so far, up to the first piece that Redis does not have."""
    try:
        kept = await platform_redis.attempt(lambda client: _pieces(client, partial_key(task_id, call_seq)))
    except platform_redis.Away:
        return ""
    text = ""
    for offset, piece in sorted((int(at), piece.decode()) for at, piece in kept.items()):
        if offset != len(text):
            break
        text += piece
    return text


async def _pieces(client: Redis, key: str) -> dict[bytes, bytes]:
    return cast(dict[bytes, bytes], await client.hgetall(key))  # the client decodes nothing


def _channel(task_id: UUID) -> str:
    return platform_redis.key("task", task_id)


def _last_numbers(task_ids: list[UUID]) -> list[tuple[UUID, int]]:
    return list(Task.objects.filter(pk__in=task_ids).values_list("pk", "last_seq"))
