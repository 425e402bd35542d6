"""Calls in a row, as the schema links them: what one answers is what the next is about; and every door asks for its key."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ensure_resource_availability, ignored_auth, use_after_free

from tests.api import Api, Persona

CHECKS = [not_a_server_error, ignored_auth, use_after_free, ensure_resource_availability]
BOUNDED = settings(
    max_examples=40,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(300)
def test_calls_in_a_row_keep_their_word(api: Api, newcomer: Callable[..., Persona]) -> None:
    schema = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
    caller = newcomer(tier="unlimited")
    for number in range(3):
        caller.execute(f"Say {number}.", conversation_id=str(uuid4()))
    key, url = str(caller.key), str(api.base_url)
    machine: Any = schema.as_state_machine()
    answered: set[tuple[str, int]] = set()

    class Calls(machine):
        def get_call_kwargs(self, case: Any) -> Mapping[str, Any]:
            return {"base_url": url, "headers": {"Authorization": f"Bearer {key}"}, "timeout": 20}

        def validate_response(self, response: Response, case: Any, **more: Any) -> None:
            answered.add((case.operation.label, response.status_code))
            if response.status_code not in (502, 504):
                case.validate_response(response, checks=CHECKS, transport_kwargs=self.get_call_kwargs(case))

    with override_settings(FAILED_AUTHENTICATION_LIMIT=1_000_000):
        Calls.run(settings=BOUNDED)
    followed = (
        "GET /agent/status/{task_id}",
        "GET /agent/conversations/{conversation_id}",
        "GET /agent/events/{task_id}",
    )
    for operation in followed:
        assert (operation, 200) in answered, sorted(answered)
