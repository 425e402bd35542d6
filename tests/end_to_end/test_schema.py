"""The published schema is true: requests made up from it, good and bad, get the answers it promises."""

from collections.abc import Callable

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import DataObject, data
from schemathesis import GenerationMode

from tests.api import Api, Persona

# A test draws the same examples in each run.
BOUNDED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", GenerationMode)
def test_every_operation_keeps_its_word(
    api: Api, newcomer: Callable[..., Persona], subtests: pytest.Subtests, mode: GenerationMode
) -> None:
    document = api.get("/openapi.json").json()
    url, key = str(api.base_url), newcomer(tier="unlimited").key

    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()

        @BOUNDED
        @given(data())
        def keeps_its_word(data: DataObject, operation=operation) -> None:
            case = data.draw(operation.as_strategy(generation_mode=mode))
            case.call_and_validate(url, headers={"Authorization": f"Bearer {key}"}, timeout=20)

        with subtests.test(operation.label):
            keeps_its_word()
