"""Generated requests from /openapi.json: no server error, and every answer matches its description."""

from __future__ import annotations

from pathlib import Path

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.serve.servers import running

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
    ignored_auth,  # where the schema declares the token, requests without it are refused
]
TOKEN = "a long and secret token"


def test_no_request_breaks_the_server(client: httpx.Client) -> None:
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    operations = [operation.ok() for operation in schema.get_all_operations()]
    assert len(operations) >= 8

    for operation in operations:
        send_many(operation)


def test_no_request_gets_past_the_token(sentiment: Path) -> None:
    with running([sentiment], token=TOKEN) as locked:
        schema = schemathesis.openapi.from_url(f"{locked.base_url}/openapi.json")
        for operation in schema.get_all_operations():
            send_many(operation.ok(), examples=3, headers={"Authorization": f"Bearer {TOKEN}"})


def send_many(operation: schemathesis.APIOperation, examples: int = 15, headers: dict[str, str] | None = None) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        body = case.body
        # Most generated models do not exist. These do, so that the rest of the request matters.
        if isinstance(body, dict) and isinstance(body.get("model"), str):
            body["model"] = "stories/lora"
            if isinstance(body.get("max_tokens"), int):
                body["max_tokens"] = min(body["max_tokens"], 20)
        if isinstance(body, dict) and isinstance(body.get("models"), list):
            body["models"] = ["sentiment/lstm"]
        case.call_and_validate(checks=CHECKS, headers=headers)

    send()
