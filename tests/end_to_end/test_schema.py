"""The published schema is true: requests made up from it, good and bad, get the answers it promises."""

from collections.abc import Callable

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

from tests.api import Api, Persona

BOUNDED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,  # the same examples in each run
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def check(operation: APIOperation, url: str, key: str) -> None:
    """Try an operation with requests that fit the schema and with such as do not."""
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @BOUNDED
    @given(st.data(), st.sampled_from([good, bad]))
    def keeps_its_word(data: st.DataObject, kind: st.SearchStrategy[schemathesis.Case]) -> None:
        case = data.draw(kind)
        case.call_and_validate(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=20)

    keeps_its_word()


@pytest.mark.timeout(300)
def test_every_operation_keeps_its_word(
    api: Api, newcomer: Callable[..., Persona], subtests: pytest.Subtests
) -> None:
    document = api.get("/openapi.json").json()
    key = newcomer(tier="unlimited").key
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        with subtests.test(operation.label):
            check(operation, str(api.base_url), str(key))
