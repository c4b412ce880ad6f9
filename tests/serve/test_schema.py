"""Requests made up from /openapi.json: no server error, and every answer as it is described there."""

from __future__ import annotations

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.configs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]


def test_no_request_breaks_the_server(client: httpx.Client) -> None:
    described = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 8

    for operation in operations:
        send_many(operation)


def send_many(operation: schemathesis.APIOperation) -> None:
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        body = case.body
        # Most made-up models do not exist; these do, so that the rest of the request matters.
        if isinstance(body, dict) and isinstance(body.get("model"), str):
            body["model"] = "stories/lora"
            if isinstance(body.get("max_tokens"), int):
                body["max_tokens"] = min(body["max_tokens"], 20)
        if isinstance(body, dict) and isinstance(body.get("models"), list):
            body["models"] = ["sentiment/lstm"]
        case.call_and_validate(checks=CHECKS)

    send()
