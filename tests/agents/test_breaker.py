"""The circuit breaker, against a model of itself that keeps all it saw."""

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents import breaker
from agents.breaker import Breaker, Open

FAILURES, WINDOW, REST = 3, 30, 15


class Ill(Exception):
    pass


@dataclass(eq=False)
class Call:
    """A call that was let through, and the number of the try that it is; 0 for a call before the breaker opened."""

    block: ExitStack
    probe: int

    def end(self, error: BaseException | None) -> None:
        if error is None:
            self.block.close()
        else:
            with suppress(type(error)):
                # As a with statement would when its block raises.
                self.block.__exit__(type(error), error, None)


@dataclass
class Clock:
    now: float = 0.0


@dataclass
class Told:
    """What the breaker says of its changes."""

    states: list[bool] = field(default_factory=list)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock, self.told = Clock(), Told()
        self.breaker = Breaker(
            failures=FAILURES,
            window_seconds=WINDOW,
            open_seconds=REST,
            clock=lambda: self.clock.now,
            on_change=self.told.states.append,
        )
        self.calls: list[Call] = []
        self.row: list[float] = []
        self.rests_until: float | None = None
        self.probes = 0

    @rule(seconds=st.sampled_from((0.5, 5, 14, 15, 16, 31)))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def a_call_begins(self) -> None:
        block = ExitStack()
        may = self.rests_until is None or self.clock.now >= self.rests_until
        if not may:
            with pytest.raises(Open) as refusal:
                block.enter_context(self.breaker.guard(Ill))
            assert self.rests_until is not None
            assert refusal.value.seconds_left == self.rests_until - self.clock.now > 0
            return
        block.enter_context(self.breaker.guard(Ill))
        probe = 0
        if self.rests_until is not None:
            self.probes += 1
            probe, self.rests_until = self.probes, self.clock.now + REST
        self.calls.append(Call(block, probe))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), error=st.sampled_from((None, Ill(), ValueError(), asyncio.CancelledError())))
    def a_call_ends(self, data: st.DataObject, error: BaseException | None) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        call.end(error)
        is_closed, decides = self.rests_until is None, call.probe and call.probe == self.probes
        if isinstance(error, asyncio.CancelledError):
            if not is_closed and decides:
                self.rests_until = self.clock.now
        elif isinstance(error, Ill):
            if is_closed:
                self.row = [*self.row, self.clock.now]
                last = self.row[-FAILURES:]
                if len(last) == FAILURES and last[-1] - last[0] <= WINDOW:
                    self.rests_until = self.clock.now + REST
            elif decides:
                self.rests_until = self.clock.now + REST
        elif is_closed:
            self.row = []
        elif decides:
            self.rests_until, self.row = None, []

    @invariant()
    def it_is_open_when_the_model_is(self) -> None:
        assert self.breaker.is_open == (self.rests_until is not None)
        assert self.told.states == [number % 2 == 0 for number in range(len(self.told.states))]
        assert self.breaker.is_open == bool(self.told.states and self.told.states[-1])

    def teardown(self) -> None:
        for call in self.calls:
            call.end(None)


test_it_does_as_its_model_does = Machine.TestCase


def fail(circuit: Breaker) -> None:
    with pytest.raises(Ill), circuit.guard(Ill):
        raise Ill


def test_exactly_one_call_tries_whether_the_provider_is_back() -> None:
    clock = Clock()
    circuit = Breaker(failures=1, window_seconds=WINDOW, open_seconds=REST, clock=lambda: clock.now)
    fail(circuit)
    clock.now = REST
    with circuit.guard(Ill), pytest.raises(Open), circuit.guard(Ill):
        pass
    assert not circuit.is_open


def test_one_that_hangs_makes_room_for_another() -> None:
    clock = Clock()
    circuit = Breaker(failures=1, window_seconds=WINDOW, open_seconds=REST, clock=lambda: clock.now)
    fail(circuit)
    clock.now = REST
    with circuit.guard(Ill):
        clock.now += REST
        with circuit.guard(Ill):
            pass
        assert not circuit.is_open


def test_each_provider_has_its_own_and_no_secret_in_its_name() -> None:
    assert breaker.of("http://one/v1") is breaker.of("http://one/v1") is not breaker.of("http://two/v1")
    assert breaker.label("https://user:secret@gateway.example:8443/v1?key=secret") == "gateway.example"
