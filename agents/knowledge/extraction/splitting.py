"""Cuts a document into passages: long enough to mean something, short enough to be given to a model by the handful.

The measure is the unit: a word, or each 16 characters of a longer one, so that languages without spaces are measured too. The
same text always gives the same passages. Offsets count characters in the document's text, which is its blocks one after the
other with a blank line between.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agents.knowledge.extraction.blocks import Block

ENOUGH = 200
MOST = 300
OVERLAP = 40
BETWEEN = "\n\n"
UNIT = re.compile(r"\S{1,16}\s{0,16}|\s{1,32}")
SENTENCE_END = re.compile(r"[.!?…]['\"”’»)\]]*\s*\Z|[。！？]\s*\Z|\n\Z")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document. `text` is the document's text from `start` to `end`, in characters."""

    number: int
    headings: tuple[str, ...]
    first_page: int | None
    last_page: int | None
    start: int
    end: int
    text: str


@dataclass(slots=True)
class _Piece:
    """A block, or a part of one that is too long, and where it begins in the document."""

    block: Block
    start: int
    text: str
    units: int
    is_cut: bool = False


@dataclass(slots=True)
class _Open:
    """The passage that is being put together."""

    pieces: list[_Piece] = field(default_factory=list)
    units: int = 0

    def has_room_for(self, piece: _Piece) -> bool:
        return not self.pieces or (
            self.pieces[0].block.headings == piece.block.headings
            and not (self.pieces[-1].is_cut and piece.is_cut)
            and self.units < ENOUGH
            and self.units + piece.units <= MOST
        )

    def add(self, piece: _Piece) -> None:
        self.pieces.append(piece)
        self.units += piece.units

    def passage(self, number: int) -> Passage:
        first, last = self.pieces[0], self.pieces[-1]
        pages = [piece.block.page for piece in self.pieces if piece.block.page is not None]
        return Passage(
            number=number,
            headings=first.block.headings,
            first_page=min(pages, default=None),
            last_page=max(pages, default=None),
            start=first.start,
            end=last.start + len(last.text),
            text=BETWEEN.join(piece.text for piece in self.pieces),
        )


def passages(blocks: Iterable[Block]) -> Iterator[Passage]:
    """The document's passages in order, numbered from 1; together they have all of its text.

    A passage stays under one heading and has at most MOST units. Where a block is longer, the next part repeats its last
    sentences, OVERLAP units at most.
    """
    number, passage = 0, _Open()
    for piece in _pieces(blocks):
        if not passage.has_room_for(piece):
            number += 1
            yield passage.passage(number)
            passage = _Open()
        passage.add(piece)
    if passage.pieces:
        yield passage.passage(number + 1)


def _pieces(blocks: Iterable[Block]) -> Iterator[_Piece]:
    start = 0
    for block in blocks:
        units = UNIT.findall(block.text)
        if len(units) <= MOST:
            yield _Piece(block, start, block.text, len(units))
        else:
            yield from _cut(block, start, units)
        start += len(block.text) + len(BETWEEN)


def _cut(block: Block, start: int, units: list[str]) -> Iterator[_Piece]:
    """Parts of a long block, each ending with a sentence where one ends in time, else between two units."""
    places = [0]
    for unit in units:
        places.append(places[-1] + len(unit))
    begin = 0
    while True:
        end = len(units) if len(units) - begin <= MOST else _sentence_end(units, begin + ENOUGH, begin + MOST)
        text = block.text[places[begin] : places[end]]
        yield _Piece(block, start + places[begin], text, end - begin, is_cut=True)
        if end == len(units):
            return
        # The first sentence that begins within the overlap; none does in a long one, and then the words just before it.
        begin = next(
            (place for place in range(end - OVERLAP, end) if SENTENCE_END.search(units[place - 1])), end - OVERLAP
        )


def _sentence_end(units: list[str], least: int, most: int) -> int:
    """The last place from `least` to `most` that follows a sentence's end, else `most`."""
    return next((place for place in range(most, least - 1, -1) if SENTENCE_END.search(units[place - 1])), most)
