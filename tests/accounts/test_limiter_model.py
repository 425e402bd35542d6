"""The limiter, in Redis and in a process's memory, against a model that a child could check: for each kind, and mixed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import redis
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.limiter.values import Charge, Limit, Name
from tests.accounts.limiter_clock import DAY, SECOND, START, STORES, Clock, limit

pytestmark = pytest.mark.usefixtures("database")
SUPPRESSED = [
    HealthCheck.function_scoped_fixture
]  # the fixtures hold no state that examples share: limits are their own
NAMES: tuple[Name, ...] = ("requests", "tokens", "concurrency", "daily_requests")


@pytest.fixture(params=STORES)
def clock(request: pytest.FixtureRequest, redis_server: "redis.Redis") -> Clock:
    return Clock(request.param, redis_server)


@dataclass
class Model:
    """Every charge ever admitted to one limit, as (time, amount) by its id; nothing is thrown away."""

    limit: Limit
    charges: dict[str, tuple[int, int]] = field(default_factory=dict)

    def used(self, now: int, *, besides: str = "") -> int:
        return sum(amount for name, (at, amount) in self.charges.items() if name != besides and self.counts(at, now))

    def counts(self, at: int, now: int) -> bool:
        if self.limit.kind == "day":
            return at // DAY == now // DAY
        return at > now - self.limit.span_us

    def fits(self, charge: Charge, now: int) -> bool:
        return self.used(now, besides=charge.id) + charge.amount(self.limit) <= self.limit.limit

    def take(self, charge: Charge, now: int) -> None:
        self.charges[charge.id] = (now, charge.amount(self.limit))

    def do(self, step: str, charge: Charge, now: int) -> None:
        if charge.id not in self.charges:
            return
        at, _ = self.charges[charge.id]
        if step == "back" and (self.limit.kind != "day" or at // DAY == now // DAY):
            del self.charges[charge.id]
        elif step == "settle" and self.limit.kind == "tokens" and self.counts(at, now):
            self.charges[charge.id] = (at, charge.tokens)
        elif step == "hold" and self.limit.kind == "slots":
            self.charges[charge.id] = (now, 1)

    def most_in_any_window(self) -> int:
        """Over all half-open windows that begin with a charge; of a calendar day's limit, over all days."""
        if self.limit.kind == "day":
            days = {at // DAY for at, _ in self.charges.values()}
            return max((self.used(day * DAY) for day in days), default=0)
        starts = [at for at, _ in self.charges.values()]
        span = self.limit.span_us
        sums = (sum(amount for at, amount in self.charges.values() if s <= at < s + span) for s in starts)
        return max(sums, default=0)


gaps = st.one_of(
    st.integers(0, 3 * SECOND),
    st.sampled_from([0, 1, SECOND // 4, SECOND - 1, SECOND, SECOND + 1, 2 * SECOND, DAY // 3, DAY - 3600 * SECOND]),
)
amounts = st.integers(0, 12)
steps = st.tuples(gaps, st.sampled_from(["take"] * 5 + ["look", "back", "settle", "hold"]), st.integers(0, 30), amounts)


@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=SUPPRESSED)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=6),
    most=st.lists(st.integers(1, 12), min_size=6, max_size=6),
    window=st.integers(1, 2),
    calls=st.lists(steps, max_size=50),
)
@example(
    names=["tokens"], most=[10] * 6, window=1,
    calls=[(0, "take", 0, 10), (0, "settle", 0, 4), (0, "take", 0, 6), (0, "take", 0, 1), (SECOND, "take", 0, 10)],
)  # fmt: skip
def test_mixes_admit_exactly_what_the_model_admits(
    clock: Clock, names: list[Name], most: list[int], window: int, calls: list[tuple[int, str, int, int]]
) -> None:
    """Several limits asked as one, some twice as for a client and its key; charges returned, settled and held again."""
    limits = [limit(most[index], window, name=name) for index, name in enumerate(names)]
    models = [Model(each) for each in limits]
    admitted: list[Charge] = []
    now = START
    for number, (gap, step, chosen, amount) in enumerate(calls):
        now += gap
        if step in ("take", "look"):
            charge = Charge(f"c{number}", amount)
            expected = all(model.fits(charge, now) for model in models)
            verdict = clock.ask(limits, now, charge, step=step)  # type: ignore[arg-type]  # one of the steps
            assert verdict.is_admitted == expected
            assert [reading.refuses for reading in verdict.readings] == [not m.fits(charge, now) for m in models]
            if expected and step == "take":
                for model in models:
                    model.take(charge, now)
                admitted.append(replace(charge, at_us=verdict.at_us))
            assert [reading.used for reading in verdict.readings] == [model.used(now) for model in models]
        elif admitted:
            charge = admitted[chosen % len(admitted)]
            if step == "settle":
                charge = replace(charge, tokens=min(amount, charge.tokens))
            if step == "hold" and not _is_held(models, charge, now):
                continue  # what holds a slot that had lapsed may exceed the limit: see below
            clock.ask(limits, now, charge, step=step)  # type: ignore[arg-type]  # one of the steps
            for model in models:
                model.do(step, charge, now)
            if step == "back":
                admitted.remove(admitted[chosen % len(admitted)])
    for model in models:
        if model.limit.kind != "slots":
            assert model.most_in_any_window() <= model.limit.limit


def _is_held(models: Sequence[Model], charge: Charge, now: int) -> bool:
    return all(
        charge.id in model.charges and model.counts(model.charges[charge.id][0], now)
        for model in models
        if model.limit.kind == "slots"
    )


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=SUPPRESSED)
@given(
    name=st.sampled_from(NAMES),
    most=st.integers(1, 20),
    burst=st.lists(st.tuples(st.integers(0, SECOND // 10), st.integers(1, 20)), max_size=40),
    wanted=st.integers(1, 20),
)
def test_a_refusal_tells_the_exact_wait(
    clock: Clock, name: Name, most: int, burst: list[tuple[int, int]], wanted: int
) -> None:
    only, now = limit(most, name=name), START
    for number, (gap, amount) in enumerate(burst):
        now += gap
        clock.ask([only], now, Charge(f"c{number}", amount))
    charge = Charge("wanted", min(wanted, most))
    verdict = clock.ask([only], now, charge)
    if not verdict.is_admitted:
        wait = verdict.readings[0].reset_us
        assert not clock.ask([only], now + wait - 1, charge).is_admitted
        assert clock.ask([only], now + wait, charge).is_admitted


@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=SUPPRESSED)
@given(
    name=st.sampled_from(("requests", "tokens", "concurrency")), most=st.integers(1, 30), jitter=st.integers(0, 1000)
)
def test_evenly_spaced_calls_are_never_refused(clock: Clock, name: Name, most: int, jitter: int) -> None:
    only, spacing = limit(most, name=name), -(-SECOND // most)
    times = [START + number * spacing for number in range(3 * most)]
    verdicts = [clock.ask([only], at + jitter, Charge(f"c{at}", 1)) for at in times]
    assert all(verdict.is_admitted for verdict in verdicts)


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=SUPPRESSED)
@given(
    most=st.integers(1, 5),
    moves=st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, 7), st.booleans()), max_size=40),
)
def test_slots_are_leases(clock: Clock, most: int, moves: list[tuple[int, int, bool]]) -> None:
    """Each of eight workers now and then takes a slot, or renews the one it has, or gives it back; some just vanish."""
    only, now, ends = limit(most, name="concurrency"), START, dict[str, int]()
    for gap, worker, goes in moves:
        now += gap
        ends = {name: end for name, end in ends.items() if end > now}
        name = f"w{worker}"
        if goes:
            clock.ask([only], now, Charge(name), step="back")
            ends.pop(name, None)
            continue
        expected = name in ends or len(ends) < most
        assert clock.ask([only], now, Charge(name)).is_admitted == expected
        if expected:
            ends[name] = now + SECOND
        assert len(ends) <= most
