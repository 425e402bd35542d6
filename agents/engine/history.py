"""What a task reads of its conversation: the newest turns whole, the older ones in a summary, within a number of tokens.

Tokens are counted as `budget.py` does it: a token is at least one byte of UTF-8.
"""

from dataclasses import dataclass, replace

from agents.engine.budget import MESSAGE_OVERHEAD_TOKENS
from agents.engine.types import Message, Turn

ASKED = "What have we said so far, in short?"
LEAST_TOKENS = 400
"""What is worth reading at all: with less room, a task begins as if nothing had been said."""


@dataclass(frozen=True, slots=True)
class History:
    """The turns to be given whole, after those that `summary` tells of; `leaving` ones are to be summarised next."""

    turns: tuple[Turn, ...] = ()
    summary: str = ""
    summarised: int = 0
    leaving: tuple[Turn, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """As the model reads it: user and assistant in turn, the summary as the assistant's own words."""
        turns = tuple(Message(turn.role, turn.content) for turn in self.turns)
        return (*_told(self.summary), *turns)

    @property
    def tokens(self) -> int:
        """How many these messages take at most."""
        return sum(map(_tokens, self.messages))

    def until(self, room_tokens: int) -> int | None:
        """The number of the last turn that has to leave for the rest to take no more than this; None when all may stay.

        As much leaves at once as leaves room for some turns to come: a summary at each would cost a call at each.
        """
        if not self.turns or self.tokens <= room_tokens:
            return None if self.tokens <= room_tokens else self.summarised
        first = None
        taken = 0
        for turn in reversed(self.turns):
            taken += _tokens(Message(turn.role, turn.content))
            if turn.role == "user":
                # The newest turns stay whole wherever they can.
                if taken > (room_tokens // 2 if first else room_tokens - _for_summary(room_tokens)):
                    break
                first = turn.number
        return first - 1 if first else self.turns[-1].number

    def without(self, until: int, summary_bytes: int) -> "History":
        """The same, after the turns up to a number have left, and the summary was cut to so many bytes."""
        return replace(
            self,
            turns=tuple(turn for turn in self.turns if turn.number > until),
            leaving=tuple(turn for turn in self.turns if turn.number <= until),
            summary=cut(self.summary, summary_bytes),
        )

    def summarised_as(self, summary: str, until: int) -> "History":
        """The same, when those that left are told of by a summary; an empty one leaves them out."""
        if not summary:
            return replace(self, leaving=())
        return replace(self, leaving=(), summary=summary, summarised=until)


NOTHING = History()


def summary_bytes(room_tokens: int) -> int:
    """How long a summary may be where the whole history has so much room."""
    return max(0, _for_summary(room_tokens) - sum(map(_tokens, _told(" "))))


def cut(text: str, most_bytes: int) -> str:
    """The beginning of a text, as UTF-8 no longer than this."""
    encoded = text.encode()
    return text if len(encoded) <= most_bytes else encoded[: max(0, most_bytes)].decode(errors="ignore")


def transcript(history: History, most_bytes: int) -> str:
    """What a summary is made from: the last one, and the turns that leave; where they are too long, their end."""
    known = cut(f"Summary so far:\n{history.summary}\n\n" if history.summary else "", most_bytes)
    said = "\n\n".join(f"{turn.role.capitalize()}:\n{turn.content}" for turn in history.leaving).encode()
    left = max(0, most_bytes - len(known.encode()))
    return known + said[max(0, len(said) - left) :].decode(errors="ignore")


def _told(summary: str) -> tuple[Message, ...]:
    return (Message("user", ASKED), Message("assistant", summary)) if summary else ()


def _for_summary(room_tokens: int) -> int:
    return room_tokens // 4


def _tokens(message: Message) -> int:
    return len(message.content.encode()) + MESSAGE_OVERHEAD_TOKENS
