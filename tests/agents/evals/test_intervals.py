"""How sure shares, means and their differences are."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.evals.intervals import Sample, mean_difference, share, share_difference


def test_shares_are_as_published() -> None:
    """Wilson's and Newcombe's figures for 81 of 263 (R. G. Newcombe, Statist. Med. 17, 1998, both papers)."""
    found = share(81, 263)
    assert found
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    difference = share_difference(share(56, 70), share(48, 80))
    assert difference
    assert (round(difference.at, 4), round(difference.low, 4), round(difference.high, 4)) == (0.2, 0.0524, 0.3339)


@given(of=st.integers(1, 5000), data=st.data())
def test_an_interval_holds_its_share_and_stays_one(of: int, data: st.DataObject) -> None:
    found = share(data.draw(st.integers(0, of)), of)
    assert found
    assert 0 <= found.low <= found.at + 1e-9
    assert found.at - 1e-9 <= found.high <= 1


def test_of_nothing_nothing_is_said() -> None:
    assert share(0, 0) is None
    assert share_difference(None, share(1, 2)) is None
    assert mean_difference(Sample(1, 3.0), Sample(9, 2.0, 1.0)) is None


@pytest.mark.parametrize(("apart", "is_clear"), [(0.0, False), (2.0, True)])
def test_means_differ_when_they_do(apart: float, is_clear: bool) -> None:
    found = mean_difference(Sample(100, 5.0 + apart, 4.0), Sample(100, 5.0, 4.0))
    assert found
    assert found.at == apart
    assert (found.low, found.high) == pytest.approx((apart - 0.5544, apart + 0.5544), abs=1e-4)
    assert found.is_clear is is_clear


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    random, held = Random(1), 0
    for _ in range(2000):
        found = share(sum(random.random() < 0.3 for _ in range(40)), 40)
        assert found
        held += found.low <= 0.3 <= found.high
    assert 0.93 <= held / 2000 <= 0.97
