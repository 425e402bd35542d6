"""The published schema is true: requests made up from it, good and bad, get the answers it promises."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, response_schema_conformance

from tests.api import Api, Persona

Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]

EXECUTING = ("/agent/execute", "/agent/estimate")
BOUNDED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,  # the same examples in each run
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def check(operation: Operation, url: str, key: str) -> None:
    """Try an operation with requests that fit the schema and with such as do not."""
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    call: dict[str, Any] = {"base_url": url, "headers": {"Authorization": f"Bearer {key}"}, "timeout": 20}

    @BOUNDED
    @given(st.data(), st.sampled_from([good, bad]))
    def keeps_its_word(data: st.DataObject, kind: st.SearchStrategy[AnyCase]) -> None:
        case = data.draw(kind)
        if kind is good and operation.path in EXECUTING and isinstance(case.body, dict):
            # What the schema does not tell: which agents there are, what goes together, which keys are taken; and of texts,
            # what they may not hold.
            body: dict[str, Any] = without_nul(case.body)
            body.pop("limits", None)
            body.pop("webhook_url", None)  # nor that it wants a secret
            case.body = body | {"agent_type": "general", "stream": False, "metadata": {}}
            case.headers.pop("Idempotency-Key", None)
            case.query.pop("include", None)  # it is for streams
        if kind is good and operation.path == "/agent/usage":
            case.query.pop("to", None)  # nor that it must not be before `from`
        response = case.call(**call)
        case.validate_response(response, excluded_checks=beside_the_point(case, response), transport_kwargs=call)

    keeps_its_word()


def without_nul(value: Any) -> Any:
    """The same without NUL characters, which no schema can forbid at every depth."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return [without_nul(item) for item in value] if isinstance(value, list) else value


def beside_the_point(case: AnyCase, response: Response) -> list[CheckFunction]:
    checks: list[CheckFunction] = []
    if "text/event-stream" in response.headers.get("content-type", [""])[0]:
        checks.append(response_schema_conformance)  # it would hold each event against the schema of the whole text
    if response.status_code in (502, 504):
        checks.append(not_a_server_error)  # how a task failed that was run in the request
    if not case.operation.body:
        checks.append(negative_data_rejection)  # in a query string, much that is wrong becomes text that is right
    return checks


@pytest.mark.timeout(300)
def test_every_operation_keeps_its_word(api: Api, newcomer: Callable[..., Persona], subtests: pytest.Subtests) -> None:
    document = api.get("/openapi.json").json()
    key = newcomer(tier="unlimited").key
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok() if isinstance(result, Ok) else pytest.fail(str(result))
        # Wrong keys are tried by the hundred.
        with subtests.test(operation.label), override_settings(FAILED_AUTHENTICATION_LIMIT=1_000_000):
            check(operation, str(api.base_url), str(key))
