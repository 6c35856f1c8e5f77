"""GET/PUT /rollout and GET /drift: the gate stands behind the API too."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from engine.demo.seed import POLICY_ID, service_of
from engine.verifier.runtime import Runtime


def _break_glass_to_canary(runtime: Runtime) -> None:
    service_of(runtime.ctx).promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    runtime.refresh()


async def test_the_etag_is_the_revision_and_the_salt_stays_inside(client: httpx.AsyncClient, runtime: Runtime) -> None:
    answer = await client.get("/rollout")
    assert answer.headers["etag"] == '"1"'
    assert answer.json()["rollout"]["percent"] == 0
    state = runtime.ctx.store.rollout(POLICY_ID)
    assert state is not None
    assert state.salt.hex() not in answer.text


async def test_going_up_passes_the_gate(client: httpx.AsyncClient) -> None:
    answer = await client.put("/rollout", json={"percent": 25}, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (403, "rollout.gate_hold")


async def test_going_down_needs_nothing_and_is_applied_at_once(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """One request, no revision, no gate: and the next decision is at 0 %."""
    _break_glass_to_canary(runtime)
    answer = await client.put("/rollout", json={"percent": 0, "reason": "it smells"})
    assert (answer.status_code, answer.json()["rollout"]["phase"]) == (200, "rolled_back")
    assert runtime.serving is not None
    assert runtime.serving.policies[POLICY_ID].basis_points == 0


async def test_a_change_based_on_an_old_revision_is_a_conflict(client: httpx.AsyncClient, runtime: Runtime) -> None:
    _break_glass_to_canary(runtime)
    answer = await client.put("/rollout", json={"paused": True}, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (409, "rollout.revision_conflict")


async def test_pausing_and_going_on(client: httpx.AsyncClient, runtime: Runtime) -> None:
    _break_glass_to_canary(runtime)
    paused = await client.put("/rollout", json={"paused": True}, headers={"if-match": '"2"'})
    assert paused.json()["rollout"]["phase"] == "paused"
    resumed = await client.put("/rollout", json={"paused": False}, headers={"if-match": paused.headers["etag"]})
    assert resumed.json()["rollout"]["phase"] == "canary"


@pytest.mark.parametrize(
    ("document", "headers", "status", "code"),
    [
        ({"percent": 25}, {}, 400, "rollout.if_match"),
        ({"percent": 25}, {"if-match": "1"}, 400, "rollout.if_match"),
        ({"percent": 25}, {"if-match": '"1", "2"'}, 400, "rollout.if_match"),
        ({"percent": 101}, {"if-match": '"1"'}, 422, "rollout.percent_range"),
        ({"percent": "abc"}, {"if-match": '"1"'}, 422, "rollout.percent_malformed"),
        ({"percent": True}, {"if-match": '"1"'}, 422, "rollout.percent_malformed"),
        ({"paused": "yes"}, {"if-match": '"1"'}, 422, "rollout.malformed"),
        ({"percent": 25, "paused": True}, {"if-match": '"1"'}, 422, "rollout.malformed"),
        ({}, {"if-match": '"1"'}, 422, "rollout.malformed"),
        ({"percent": 25, "break_glass": "yes"}, {"if-match": '"1"'}, 422, "rollout.malformed"),
        ({"percent": 0, "break_glass": True}, {}, 422, "rollout.malformed"),
        ({"paused": True, "break_glass": True}, {"if-match": '"1"'}, 422, "rollout.malformed"),
        ({"percent": 0, "reason": "x" * 501}, {}, 422, "rollout.malformed"),
        ({"percent": 0, "reason": "a\nb"}, {}, 422, "rollout.malformed"),
        ({"percent": 0, "policy_id": 7}, {}, 422, "rollout.malformed"),
        ({"percent": 0, "policy_id": "nobody.v1"}, {}, 404, "rollout.none"),
    ],
)
async def test_what_is_not_a_change_is_refused_with_a_code(
    client: httpx.AsyncClient, document: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.put("/rollout", json=document, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_actor_is_the_pseudonym_of_whom_the_token_names(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """History and audit trail name the same pseudonym; the registry alone knows who that is."""
    _break_glass_to_canary(runtime)
    await client.put("/rollout", json={"percent": 0})
    [change, *_] = runtime.ctx.store.rollout_history(POLICY_ID)
    store, actor = runtime.ctx.store, change.state.actor
    assert actor.startswith("op-")
    assert store.actor_name(actor).endswith("|tester")
    assert store.audit_tail(limit=1)[0].event.actor == actor


async def test_drift_shows_windows_evidence_and_gate(client: httpx.AsyncClient, runtime: Runtime) -> None:
    runtime.report()
    policies = (await client.get("/drift")).json()["policies"]
    assert policies[POLICY_ID]["windows"].keys() == {"5m", "15m", "60m"}
    assert policies[POLICY_ID]["gate"]["answer"] == "hold"
    assert [replica["name"] for replica in policies[POLICY_ID]["replicas"]] == ["r1"]


async def test_drift_of_a_policy_without_rollout_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/drift?policy_id=nobody.v1")).status_code == 404
