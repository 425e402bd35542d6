"""Programs that work for tools."""

import asyncio

import uvloop

from agents.tools import child


def test_a_program_that_reads_nothing_and_is_gone_at_once_is_no_fault() -> None:
    async def often() -> set[int]:
        return {(await child.run(["/bin/true"], given=b"unread", seconds=10, max_bytes=100)).status for _ in range(50)}

    assert uvloop.run(often()) == {0}


def test_a_program_that_is_cut_off_has_ended_at_once() -> None:
    """Its output may wait unread when it is killed; nobody waits for its time to run out then."""

    async def many() -> list[child.Done]:
        return [await child.run(["/usr/bin/yes"], seconds=10, max_bytes=100) for _ in range(200)]

    ended = asyncio.run(many())
    assert {(done.status, done.is_cut, done.is_late, len(done.output)) for done in ended} == {(-9, True, False, 100)}
