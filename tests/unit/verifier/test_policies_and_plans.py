"""Policies over HTTP, and plans that equal the command line's byte for byte."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.context import EngineContext
from engine.demo.seed import POLICY_ID
from engine.ops.adaptation import adapt_context
from engine.policies import shipped

EXAMPLES = Path(__file__).parents[3] / "examples"
SOURCE = shipped()[POLICY_ID]
AT = "2026-11-23T12:00:00Z"


def _b64(source: bytes) -> str:
    return base64.b64encode(source).decode()


def _renamed(name: str, *, more: bytes = b"") -> str:
    return _b64(SOURCE.replace(b"id: lksg.v1", b"id: " + name.encode(), 1) + more)


async def test_a_policy_is_compiled_published_and_read_again(client: httpx.AsyncClient, ctx: EngineContext) -> None:
    answer = await client.post("/policy/compile", json={"policy": _renamed("other.v1"), "persist": True})
    assert answer.status_code == 200, answer.text
    compiled = answer.json()
    assert (compiled["policy_id"], compiled["persisted"]) == ("other.v1", True)
    read = await client.get("/policy/other.v1")
    assert read.headers["etag"] == answer.headers["etag"] == f'"ir:{compiled["ir_hash"]}"'
    again = await client.get("/policy/other.v1", headers={"if-none-match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    event = ctx.store.audit_tail(limit=1)[0].event
    assert (event.action, event.object, event.actor[:3]) == ("policy.publish", "other.v1", "op-")


async def test_compiling_alone_keeps_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.post("/policy/compile", json={"policy": _renamed("other.v1")})).status_code == 200
    assert (await client.get("/policy/other.v1")).status_code == 404


async def test_an_id_stands_for_its_content_forever(client: httpx.AsyncClient) -> None:
    """The same content is welcome again; other content under a known id is a conflict."""
    same = await client.post("/policy/compile", json={"policy": _b64(SOURCE), "persist": True})
    assert same.status_code == 200
    changed = SOURCE.replace(b"P365D", b"P364D")
    answer = await client.post("/policy/compile", json={"policy": _b64(changed), "persist": True})
    assert answer.status_code == 409


async def test_a_policy_that_does_not_pass_lint_is_refused_with_every_finding(client: httpx.AsyncClient) -> None:
    broken = SOURCE.replace(b"non_membership", b"is_member")
    answer = await client.post("/policy/compile", json={"policy": _b64(broken)})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "policy.lint")
    assert "E2001" in {finding["code"] for finding in problem["findings"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "compile.malformed"),
        ({"policy": "%%%"}, "compile.malformed"),
        ({"policy": 7}, "compile.malformed"),
        ({"policy": {}, "lint_mode": "lax"}, "compile.malformed"),
        ({"policy": {}, "persist": "yes"}, "compile.malformed"),
        ({"policy": {}, "surprise": 1}, "compile.malformed"),
        ({"policy": {}, "lint_mode": "relaxed", "persist": True}, "compile.persist_strictly"),
        ({"policy": {}}, "policy.lint"),
        ({"policy": _b64(b"a: &a [*a]")}, "policy.lint"),
    ],
)
async def test_what_is_no_policy_is_refused_with_a_code(client: httpx.AsyncClient, body: Any, code: str) -> None:
    answer = await client.post("/policy/compile", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("context", sorted(path.name for path in EXAMPLES.glob("context*.json")))
@pytest.mark.parametrize("plan_only", [True, False])
async def test_the_service_answers_what_the_command_line_writes(
    client: httpx.AsyncClient, ctx: EngineContext, context: str, plan_only: bool
) -> None:
    written = adapt_context(
        ctx,
        context=str(EXAMPLES / context),
        policy=POLICY_ID,
        ir=None,
        enforce=True,
        rollout="25",
        drift_max=0.005,
        selector="basic",
        weights=None,
        candidate="lksg.v1-drift",
        at=AT,
        plan_only=plan_only,
    )
    body = b'{"policy_id":"%b","candidate":"lksg.v1-drift","context":%b,"options":%b}' % (
        POLICY_ID.encode(),
        (EXAMPLES / context).read_bytes(),
        b'{"enforce":true,"rollout_percent":25,"at":"%b"}' % AT.encode(),
    )
    path = "/adapt/plan" if plan_only else "/adapt/run"
    answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.content == written.document


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"policy_id": 7}, 422, "adapt.malformed"),
        ({"policy_id": "nobody.v1"}, 404, "policy.unknown"),
        ({"context": 7}, 422, "context.malformed"),
        ({"candidate": [1]}, 422, "adapt.malformed"),
        ({"surprise": 1}, 422, "adapt.malformed"),
        ({"options": {"at": "noon"}}, 422, "time.malformed"),
        ({"options": {"selector": "best"}}, 422, None),
        ({"options": {"weights": {"R1": 1}}}, 422, "adapt.unused_weights"),
        ({"options": {"selector": "weighted", "weights": {"R1": "x"}}}, 422, None),
        ({"options": {"drift_max_ratio": 2}}, 422, "adapt.drift_max_range"),
        ({"options": {"drift_max_ratio": "x"}}, 422, "adapt.malformed"),
        ({"options": {"rollout_percent": -1}}, 422, None),
    ],
)
async def test_what_is_no_question_is_refused_with_a_code(
    client: httpx.AsyncClient, change: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await client.post("/adapt/run", json={"policy_id": POLICY_ID, "context": {"_demo": True}, **change})
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["code"] == code
