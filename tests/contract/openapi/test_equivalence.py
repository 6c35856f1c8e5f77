"""The hot path checks bodies by hand and the contract with models: both accept and refuse the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from engine.canonical import strict_json
from engine.errors import InvalidInput, NotFound
from engine.verifier.contract import examples
from engine.verifier.contract.verification import VerifyRequest
from engine.verifier.runtime import Runtime
from engine.verifier.verification import verify
from tests.contract.openapi.bodies import mutated

SEVERAL_SUPPLIERS = {
    "policy_id": "lksg.v1",
    "context": {
        "suppliers": [
            {"supplier_hash": "a", "ubo_hashes": ["u"], "audit_dates": ["2026-01-31"], "variables": {"tier": 1}},
            {"supplier_hash": "b", "supplier_regions": ["DE", "FR"]},
        ],
        "supplier_hashes": ["a", "b"],
        "variables": {"risk_score": 12.5, "names": ["x", 1, True], "nothing": None},
    },
}
EVERY_OPTION = {
    **examples.VERIFY_INLINE,
    "backend": "mock",
    "options": {"enforce": True, "rollout_percent": 12.5, "drift_max_ratio": 0.01, "at": "2026-01-31T12:00:00+01:00"},
}
VALID = st.sampled_from(
    [
        examples.VERIFY_DEMO,
        examples.VERIFY_AGGREGATE,
        examples.VERIFY_INLINE,
        SEVERAL_SUPPLIERS,
        EVERY_OPTION,
    ]
)
NAMES = ["policy_id", "ir", "context", "backend", "options", "_demo", "suppliers", "variables", "at", "enforce"]
NAMES += ["supplier_hashes", "ubo_hashes", "sanctions_root", "rollout_percent", "drift_max_ratio", "surprise"]


def accepted_by_model(model: type[BaseModel], body: Any) -> str:
    """Empty when the contract accepts a body, else why not."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        return str(error)
    return ""


def _accepted_by_service(runtime: Runtime, body: dict[str, Any]) -> str:
    try:
        verify(body, runtime.serving, runtime.clock.now())
    except NotFound:
        # Whether a policy is published is no matter of the body's form; the rest of the body is.
        return _accepted_by_service(runtime, {**body, "policy_id": "lksg.v1"})
    except InvalidInput as error:
        return f"{error.code}: {error.message}"
    return ""


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=mutated(VALID, NAMES))
def test_verify_and_its_model_accept_the_same_bodies(runtime: Runtime, body: Any) -> None:
    as_read = strict_json(json.dumps(body).encode())
    service, model = _accepted_by_service(runtime, as_read), accepted_by_model(VerifyRequest, as_read)
    event("refused" if service else "accepted")
    assert bool(service) == bool(model), f"service: {service or 'accepts'}; model: {model or 'accepts'}"


@pytest.mark.parametrize("body", [examples.VERIFY_DEMO, examples.VERIFY_AGGREGATE, SEVERAL_SUPPLIERS, EVERY_OPTION])
def test_what_the_property_starts_from_is_accepted(runtime: Runtime, body: dict[str, Any]) -> None:
    """Else the property would compare refusals with refusals."""
    assert _accepted_by_service(runtime, body) == ""
    assert accepted_by_model(VerifyRequest, body) == ""
