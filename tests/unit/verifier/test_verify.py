"""POST /verify: what a caller gets, and what a caller cannot do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from engine.demo.seed import POLICY_ID, inject_drift, service_of
from engine.ids import hash_json, is_hash
from engine.policies.demonstration import demo_context
from engine.verifier.runtime import Runtime
from tests.unit.verifier.samples import sample_of

ABSENT: Any = object()
SMOKE = {"policy_id": POLICY_ID, "context": {"_demo": True}, "backend": "mock"}


@pytest.fixture
def context(runtime: Runtime) -> dict[str, Any]:
    return demo_context(runtime.clock.now())


async def test_the_smoke_request_of_the_runbook_is_answered_with_a_result(client: httpx.AsyncClient) -> None:
    answer = await client.post("/verify", json=SMOKE)
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert result["verdict"] == "ok"
    assert len(result["suppliers"]) == 50
    assert all(is_hash(result[name]) for name in ("manifest_hash", "policy_hash", "ir_hash", "plan_hash"))


async def test_a_demonstration_context_is_no_evidence(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """A smoke test must not open a gate."""
    await client.post("/verify", json=SMOKE)
    sample = sample_of(runtime)
    assert sample.step.requests == 0
    assert sample.step_traffic.requests == 1


async def test_a_decision_is_counted_for_the_step_it_was_made_in(
    client: httpx.AsyncClient, runtime: Runtime, context: dict[str, Any]
) -> None:
    await client.post("/verify", json={"policy_id": POLICY_ID, "context": context})
    sample = sample_of(runtime)
    assert (sample.step.requests, sample.step.enforced) == (1, 0)


async def test_equal_requests_at_one_moment_get_equal_bytes(client: httpx.AsyncClient, context: dict[str, Any]) -> None:
    document = {"policy_id": POLICY_ID, "context": context}
    assert (await client.post("/verify", json=document)).content == (
        await client.post("/verify", json=document)
    ).content


async def test_the_result_names_the_context_that_was_judged(client: httpx.AsyncClient, context: dict[str, Any]) -> None:
    answer = await client.post("/verify", json={"policy_id": POLICY_ID, "context": context})
    assert answer.json()["result"]["context_hash"] == hash_json(context)


async def test_an_enforced_request_is_judged_by_the_candidate(
    client: httpx.AsyncClient, runtime: Runtime, context: dict[str, Any]
) -> None:
    """At 100 % with the drifting candidate, an audit of 200 days fails though the baseline accepts it."""
    service = service_of(runtime.ctx)
    inject_drift(runtime.ctx)
    service.set_percent(POLICY_ID, 10_000, actor="tester", reason="test", break_glass=True)
    runtime.refresh()
    context["audit_dates"] = ["2025-06-15"]
    result = (await client.post("/verify", json={"policy_id": POLICY_ID, "context": context})).json()["result"]
    assert (result["verdict"], result["enforced"]) == ("fail", True)
    assert result["violations"] == [{"rule_id": "R04_audit_within_a_year", "reason": "above_maximum"}]
    sample = sample_of(runtime)
    assert (sample.step.enforced, sample.step.over_block) == (1, 1)
    assert sample.explained[0].rule_id == "R04_audit_within_a_year"


async def test_a_policy_that_comes_with_the_request_is_decided_and_no_evidence(
    client: httpx.AsyncClient, runtime: Runtime, context: dict[str, Any]
) -> None:
    ir = runtime.ctx.store.policy(POLICY_ID).to_json()
    options = {"enforce": True, "rollout_percent": 100, "at": "2025-12-31T00:00:00Z"}
    answer = await client.post("/verify", json={"ir": ir, "context": context, "options": options})
    assert answer.json()["result"]["at"] == "2025-12-31T00:00:00Z"
    assert answer.json()["result"]["enforced"] is True
    sample = sample_of(runtime)
    assert sample.step.requests == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"backend": "zk"}, 422, "verify.backend_unavailable"),
        ({"policy_id": "nobody.v1"}, 404, "policy.unknown"),
        ({"policy_id": ABSENT}, 422, "verify.malformed"),
        ({"policy_id": 7}, 422, "verify.malformed"),
        ({"ir": {}}, 422, "verify.malformed"),
        ({"ir": {}, "policy_id": ABSENT}, 422, "ir.malformed"),
        ({"ir": {"x": "y" * 70_000}, "policy_id": ABSENT}, 422, "ir.too_large"),
        ({"ir": {}, "policy_id": ABSENT, "options": {"seed": 1}}, 422, "verify.malformed"),
        ({"ir": {}, "policy_id": ABSENT, "options": {"at": "yesterday"}}, 422, "time.malformed"),
        ({"ir": {}, "policy_id": ABSENT, "options": {"rollout_percent": 101}}, 422, "decision.bad_percent"),
        ({"options": {"rollout_percent": 100}}, 422, "verify.options_not_allowed"),
        ({"options": [1]}, 422, "verify.malformed"),
        ({"surprise": 1}, 422, "verify.malformed"),
        ({"context": {"supplier_names": ["Erika"]}}, 422, "context.malformed"),
        ({"context": {"_demo": 1}}, 422, "context.malformed"),
        ({"context": None}, 422, "context.malformed"),
    ],
)
async def test_what_is_not_a_request_is_refused_with_a_code(
    client: httpx.AsyncClient, change: dict[str, Any], status: int, code: str
) -> None:
    changed = {**SMOKE, **change}
    answer = await client.post("/verify", json={name: value for name, value in changed.items() if value is not ABSENT})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Erika" not in answer.text


async def test_nothing_is_decided_before_the_store_was_read(client: httpx.AsyncClient, runtime: Runtime) -> None:
    runtime.serving = None
    answer = await client.post("/verify", json=SMOKE)
    assert (answer.status_code, answer.json()["code"]) == (503, "verifier.not_ready")
    assert answer.headers["retry-after"] == "1"
