"""Many writes in one transaction: each has its own result, and one that is wrong keeps no other from being written."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentplatform.errors import Unavailable
from agentplatform.group_commit import MOST, GroupCommit


class Book:
    """Writes numbers: even ones together, odd ones alone, negative ones not at all."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.alone: list[int] = []
        self.open = threading.Event()
        self.open.set()

    def together(self, several: Sequence[int]) -> list[int | None]:
        assert self.open.wait(10)
        self.groups.append(list(several))
        if any(one < 0 for one in several):
            raise ValueError("One of them cannot be written.")
        return [None if one % 2 else one * 10 for one in several]

    def by_itself(self, one: int) -> int:
        if one < 0:
            raise ValueError(f"{one} cannot be written.")
        self.alone.append(one)
        return one * 10


async def written(book: Book, numbers: Sequence[int]) -> list[int | BaseException]:
    group = GroupCommit(book.together, book.by_itself)
    return await asyncio.gather(*(group.write(one) for one in numbers), return_exceptions=True)


@given(st.lists(st.integers(-3, 50), max_size=150))
def test_each_has_its_own_result_whatever_is_written_with_it(numbers: list[int]) -> None:
    found = asyncio.run(written(Book(), numbers))
    assert [str(each) if isinstance(each, Exception) else each for each in found] == [
        f"{one} cannot be written." if one < 0 else one * 10 for one in numbers
    ]


def test_who_comes_while_a_group_is_written_makes_the_next() -> None:
    book = Book()
    book.open.clear()

    async def come() -> None:
        group = GroupCommit(book.together, book.by_itself)
        first = asyncio.create_task(group.write(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(group.write(2 * number)) for number in range(1, 4)]
        await asyncio.sleep(0)
        book.open.set()
        await asyncio.gather(first, *others)

    asyncio.run(come())
    assert book.groups == [[0], [2, 4, 6]]


def test_a_group_has_a_largest_size() -> None:
    book = Book()
    asyncio.run(written(book, [2] * (MOST * 2 + 1)))
    assert max(map(len, book.groups)) == MOST


def test_who_goes_away_takes_nobody_along() -> None:
    book = Book()
    book.open.clear()

    async def leave() -> int:
        group = GroupCommit(book.together, book.by_itself)
        leaving, staying = asyncio.create_task(group.write(2)), asyncio.create_task(group.write(4))
        await asyncio.sleep(0)
        leaving.cancel()
        book.open.set()
        return await staying

    assert asyncio.run(leave()) == 40


def test_a_database_that_is_away_is_everyones_fault() -> None:
    class Away(Book):
        def together(self, several: Sequence[int]) -> list[int | None]:
            raise Unavailable

    book = Away()
    found = asyncio.run(written(book, [2, 3]))
    assert [type(each) for each in found] == [Unavailable, Unavailable]
    assert book.alone == [], "a write that may have been made is not tried again here"


@pytest.mark.parametrize("number", [4, 5])
def test_a_lone_write_waits_for_nobody(number: int) -> None:
    assert asyncio.run(written(Book(), [number])) == [number * 10]
