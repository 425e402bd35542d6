"""Programs that work for tools."""

import uvloop

from agents.tools import child


def test_a_program_that_reads_nothing_and_is_gone_at_once_is_no_fault() -> None:
    async def often() -> set[int]:
        return {(await child.run(["/bin/true"], given=b"unread", seconds=10, max_bytes=100)).status for _ in range(50)}

    assert uvloop.run(often()) == {0}
