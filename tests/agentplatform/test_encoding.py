import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentplatform.encoding import encoded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@settings(max_examples=50)
@given(JSON)
def test_whatever_is_json_goes_out_unchanged(data: object) -> None:
    assert json.loads(encoded(data)) == data


@pytest.mark.parametrize("number", [0, 2**63, 2**64, -(2**64), 10**40])
def test_it_writes_numbers_of_any_size(number: int) -> None:
    assert encoded({"a": [number]}) == f'{{"a":[{number}]}}'.encode()


def test_it_asks_for_something_plainer() -> None:
    assert (
        encoded({"cost": Decimal("1.50"), "count": 2**70}, default=str)
        == b'{"cost":"1.50","count":1180591620717411303424}'
    )


def test_it_refuses_what_nobody_can_write() -> None:
    with pytest.raises(TypeError):
        encoded({"a": object()})
