"""Health, readiness, metrics and policies: what a verifier says about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.context import EngineContext
from engine.demo.seed import POLICY_ID, inject_drift, service_of
from engine.policies.demonstration import demo_context
from engine.verifier.readiness import check_ready
from engine.verifier.runtime import Runtime


async def test_a_verifier_that_knows_everything_is_ready(client: httpx.AsyncClient) -> None:
    """And says of which environment it is, so that nobody tries out the wrong one."""
    answer = await client.get("/readyz")
    said = {"status": "ready", "environment": "demo", "reasons": [], "warnings": []}
    assert (answer.status_code, answer.json()) == (200, said)


async def test_healthz_tells_nothing_but_that_it_lives(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}


def test_a_verifier_that_never_read_its_store_is_starting(open_ctx: Callable[[], EngineContext]) -> None:
    assert check_ready(Runtime(open_ctx(), replica="r"), drift_gate=False).reasons == ("STARTING",)


def test_a_verifier_without_policies_is_not_ready(open_ctx: Callable[[], EngineContext]) -> None:
    runtime = Runtime(open_ctx(), replica="r")
    runtime.refresh()
    assert check_ready(runtime, drift_gate=False).reasons == ("NO_POLICIES",)


async def test_a_store_that_disappears_is_said_and_survived(
    client: httpx.AsyncClient, runtime: Runtime, mint: Callable[..., str], tmp_path: Path
) -> None:
    """The last known state is served on to whom it knows; the file's return ends it."""
    request = {"policy_id": POLICY_ID, "context": {"_demo": True}}
    await client.post("/verify", json=request)
    store = tmp_path / "state" / "capctl.sqlite"
    away = store.rename(store.with_suffix(".away"))
    runtime.refresh()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["STORE_UNREACHABLE"])
    assert str(tmp_path) not in answer.text
    assert (await client.post("/verify", json=request)).status_code == 200
    stranger = await client.post("/verify", json=request, headers={"authorization": f"Bearer {mint(subject='new')}"})
    assert (stranger.status_code, stranger.json()["code"]) == (503, "auth.keys_unavailable")
    away.rename(store)
    runtime.refresh()
    assert (await client.get("/readyz")).status_code == 200


async def test_a_store_that_cannot_be_written_is_a_warning(client: httpx.AsyncClient, runtime: Runtime) -> None:
    runtime.health = replace(runtime.health, faults={"report": "registry.locked"})
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["warnings"]) == (200, ["STORE_NOT_WRITABLE"])


def test_a_draining_verifier_is_not_ready(runtime: Runtime) -> None:
    runtime.drain()
    assert check_ready(runtime, drift_gate=False).reasons == ("DRAINING",)


async def test_a_closed_gate_takes_capacity_away_only_where_asked(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """On evidence: requests that really drifted, not a flag."""
    inject_drift(runtime.ctx)
    runtime.refresh()
    context = {**demo_context(runtime.clock.now()), "audit_dates": ["2025-06-15"]}
    for number in range(60):
        context["variables"] = {**context["variables"], "risk_score": number}
        await client.post("/verify", json={"policy_id": POLICY_ID, "context": context})
    runtime.report()
    runtime.look()
    assert check_ready(runtime, drift_gate=False).ready
    assert check_ready(runtime, drift_gate=True).reasons == ("DRIFT_GATE",)


async def test_a_policy_is_its_canonical_bytes_with_a_stable_tag(client: httpx.AsyncClient, runtime: Runtime) -> None:
    ir = runtime.ctx.store.policy(POLICY_ID)
    answer = await client.get(f"/policy/{POLICY_ID}")
    assert answer.content == ir.canonical
    assert answer.headers["etag"] == f'"ir:{ir.ir_hash}"'


@pytest.mark.parametrize(
    ("tag", "status"), [("{tag}", 304), ('"x", W/{tag}', 304), ("*", 304), ('"x"', 200), ("", 200)]
)
async def test_a_caller_that_has_the_policy_gets_no_body(client: httpx.AsyncClient, tag: str, status: int) -> None:
    etag = (await client.get(f"/policy/{POLICY_ID}")).headers["etag"]
    answer = await client.get(f"/policy/{POLICY_ID}", headers={"if-none-match": tag.format(tag=etag)})
    assert (answer.status_code, answer.headers["etag"]) == (status, etag)


async def test_an_unknown_policy_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/policy/nobody.v1")
    assert (answer.status_code, answer.json()["code"]) == (404, "policy.unknown")


async def test_metrics_count_what_was_asked(client: httpx.AsyncClient, runtime: Runtime) -> None:
    await client.post("/verify", json={"policy_id": POLICY_ID, "context": demo_context(runtime.clock.now())})
    await client.post("/verify", json={"policy_id": POLICY_ID, "context": 7})
    text = (await client.get("/metrics")).text
    samples = {
        (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if k != "replica"))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["adapt_requests_total", (("mode", "shadow"), ("policy_id", POLICY_ID))] == 1
    assert samples["cap_verifier_requests_total", (("result", "ok"),)] == 1
    assert samples["cap_verifier_requests_total", (("result", "rejected"),)] == 1
    assert samples["cap_verifier_requests_total", (("result", "error"),)] == 0
    assert samples["adapt_gate_state", (("gate", POLICY_ID),)] == 0


async def test_metrics_show_what_is_enforced(client: httpx.AsyncClient, runtime: Runtime) -> None:
    service_of(runtime.ctx).promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    runtime.refresh()
    text = (await client.get("/metrics")).text
    assert f'adapt_enforce_rollout_percent{{policy_id="{POLICY_ID}",replica="r1"}} 25.0' in text


async def test_a_rollout_that_cannot_be_applied_enforces_nothing(runtime: Runtime) -> None:
    """A bucketing algorithm this release does not know: 0 %, not ready, and it says so."""
    service = service_of(runtime.ctx)
    service.promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    runtime.refresh()
    assert runtime.serving is not None
    assert runtime.serving.policies[POLICY_ID].basis_points == 2500
    served = runtime.serving.policies[POLICY_ID]
    unknown = replace(served, problem="BUCKET_VERSION_UNKNOWN")
    runtime.serving = replace(runtime.serving, policies={POLICY_ID: unknown})
    assert unknown.basis_points == 0
    assert check_ready(runtime, drift_gate=False).reasons == ("ROLLOUT_UNKNOWN",)
