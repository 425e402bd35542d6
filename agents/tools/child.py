"""A program that works for a tool in a process of its own: it cannot hold up the event loop, or outlive its time."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakKeyDictionary

CHUNK_BYTES = 64 * 1024
AT_ONCE = max(2, len(os.sched_getaffinity(0)))

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Done:
    """How the program ended, and what it wrote. `status` is its exit status, negative for a signal; -9 where it was killed."""

    status: int
    output: bytes
    errors: bytes
    is_late: bool = False
    is_cut: bool = False


async def run(
    command: Sequence[str], *, given: bytes = b"", seconds: float, max_bytes: int, descriptors: Sequence[int] = ()
) -> Done:
    """Run a program with an empty environment, and kill it when its time is over or one of its outputs passes `max_bytes`.

    It reads `given` as its standard input, and has the open `descriptors`. A process runs as many at once as there are cores;
    waiting for a place is no part of `seconds`. When the caller is cancelled, the program is killed.
    """
    loop = asyncio.get_running_loop()
    if (places := _places.get(loop)) is None:
        places = _places[loop] = asyncio.Semaphore(AT_ONCE)
    async with places:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=descriptors,
        )
        try:
            return await _watched(process, given, seconds, max_bytes)
        finally:
            _kill(process)
            await process.wait()


async def _watched(process: asyncio.subprocess.Process, given: bytes, seconds: float, max_bytes: int) -> Done:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    output, errors = bytearray(), bytearray()
    is_late = False
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as together:
            together.create_task(_write(process.stdin, given))
            together.create_task(_read(process.stdout, output, process, max_bytes))
            together.create_task(_read(process.stderr, errors, process, max_bytes))
            together.create_task(process.wait())
    except TimeoutError:
        is_late = True
        _kill(process)
    is_cut = len(output) > max_bytes or len(errors) > max_bytes
    return Done(await process.wait(), bytes(output[:max_bytes]), bytes(errors[:max_bytes]), is_late, is_cut)


async def _read(
    stream: asyncio.StreamReader, into: bytearray, process: asyncio.subprocess.Process, max_bytes: int
) -> None:
    while chunk := await stream.read(CHUNK_BYTES):
        if len(into) > max_bytes:
            continue  # to the end: before Python 3.12.4 a process counts as running while its output waits to be read
        into += chunk
        if len(into) > max_bytes:
            _kill(process)


async def _write(stream: asyncio.StreamWriter, given: bytes) -> None:
    # A program need not read to the end, nor still be there; uvloop says of a pipe that closed that it cannot be used.
    with suppress(ConnectionError, RuntimeError):
        stream.write(given)
        await stream.drain()
        stream.close()


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
