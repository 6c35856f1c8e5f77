"""Keys rotate under a service that runs: what it publishes, signs with and accepts, moment by moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import POLICY_ID
from engine.errors import Held, Refused
from engine.ops import keyring
from engine.trust import verify_result
from engine.trust.custody import custody_of
from engine.trust.keyfile import KeyPurpose
from engine.verifier.runtime import Runtime

SMOKE = {"policy_id": POLICY_ID, "context": {"_demo": True}}


@pytest.fixture
def operator(ctx: EngineContext, count_up: Callable[[int], bytes]) -> EngineContext:
    """Somebody whose keys are fresh, unlike those of a random source that repeats itself."""
    ctx.random_bytes = count_up
    return ctx


@pytest.fixture
def count_up() -> Callable[[int], bytes]:
    """A random source that is never the same twice and always the same."""
    numbers = iter(range(1, 1000))
    return lambda count: next(numbers).to_bytes(count, "big")


class Rotation:
    """An operator beside a running service."""

    def __init__(self, operator: EngineContext, runtime: Runtime, client: httpx.AsyncClient) -> None:
        self.operator = operator
        self.runtime = runtime
        self.client = client

    async def result(self) -> dict[str, Any]:
        """A fresh result of the service."""
        answer = await self.client.post("/verify", json=SMOKE)
        assert answer.status_code == 200
        return dict(answer.json()["result"])

    async def accepts(self, result: dict[str, Any]) -> bool:
        """Whether a caller who fetches the service's key set now accepts a result."""
        keys = (await self.client.get("/.well-known/jwks.json")).json()
        try:
            return verify_result(result, keys, now=self.runtime.clock.now()).kid == str(result["kid"])
        except Refused:
            return False

    def take(self, step: Callable[..., Any], *arguments: str) -> None:
        """Take a step, and let the service catch up, which it does five times a second."""
        step(self.operator, "response", *arguments)
        self.runtime.refresh()


@pytest.fixture
def rotation(operator: EngineContext, runtime: Runtime, client: httpx.AsyncClient) -> Rotation:
    runtime.refresh()
    return Rotation(operator, runtime, client)


async def to_switched(rotation: Rotation, clock: ManualClock) -> tuple[dict[str, Any], dict[str, Any]]:
    """A result under the old key, and one under the new."""
    old = await rotation.result()
    rotation.take(keyring.prepare, "file")
    rotation.take(keyring.dual_accept)
    clock.advance(360)
    rotation.runtime.refresh()
    rotation.take(keyring.switch)
    return old, await rotation.result()


async def test_verify_accepts_old_and_new_until_decommission(rotation: Rotation, clock: ManualClock) -> None:
    """No restart, no gap: each result is accepted from the moment it was signed until the old key's end is reached."""
    old = await rotation.result()
    rotation.take(keyring.prepare, "file")
    assert (await rotation.result())["kid"] == old["kid"]
    rotation.take(keyring.dual_accept)
    assert (await rotation.result())["kid"] == old["kid"]
    clock.advance(360)
    rotation.runtime.refresh()
    rotation.take(keyring.switch)
    new = await rotation.result()
    assert new["kid"] != old["kid"]
    assert await rotation.accepts(old)
    assert await rotation.accepts(new)
    clock.advance(660)
    rotation.runtime.refresh()
    rotation.take(keyring.decommission, "2026-01-01T00:20:00Z")
    clock.advance(179)  # 00:19:59
    assert await rotation.accepts(old)
    assert await rotation.accepts(new)


async def test_verify_rejects_old_after_decommission(rotation: Rotation, clock: ManualClock) -> None:
    """At the instant of its end and after it; a clock that is set back revives nothing."""
    old, new = await to_switched(rotation, clock)
    clock.advance(660)
    rotation.runtime.refresh()
    rotation.take(keyring.decommission, "2026-01-01T00:20:00Z")
    clock.advance(180)
    assert clock.now().minute == 20
    assert not await rotation.accepts(old)
    assert await rotation.accepts(new)
    rotation.runtime.refresh()
    clock.advance(-600)
    assert old["kid"] not in custody_of(rotation.operator).accepted(KeyPurpose.RESPONSE)
    published = (await rotation.client.get("/.well-known/jwks.json")).json()["keys"]
    assert {key["kid"]: key["state"] for key in published} == {old["kid"]: "retired", new["kid"]: "active"}
    assert not await rotation.accepts(old)
    assert await rotation.accepts(new)


async def test_a_verifier_that_does_not_know_the_key_yet_holds_the_switch(
    rotation: Rotation, clock: ManualClock
) -> None:
    rotation.take(keyring.prepare, "file")
    keyring.dual_accept(rotation.operator, "response")
    clock.advance(360)
    with pytest.raises(Held, match="r1") as held:
        keyring.switch(rotation.operator, "response")
    assert held.value.code == "keys.evidence_missing"
    rotation.runtime.refresh()
    assert keyring.switch(rotation.operator, "response").phase == "switched"


async def test_no_verifier_at_all_is_no_evidence(operator: EngineContext, clock: ManualClock) -> None:
    keyring.initialise(operator, "response")
    keyring.prepare(operator, "response", "file")
    keyring.dual_accept(operator, "response")
    clock.advance(360)
    with pytest.raises(Held, match="no verifier has reported"):
        keyring.switch(operator, "response")


async def test_a_revoked_key_is_refused_at_once(rotation: Rotation) -> None:
    old = await rotation.result()
    keyring.revoke(rotation.operator, old["kid"], "compromised")
    rotation.runtime.refresh()
    new = await rotation.result()
    assert not await rotation.accepts(old)
    assert await rotation.accepts(new)


async def test_registry_keys_rotate_without_changing_what_is_served(rotation: Rotation, clock: ManualClock) -> None:
    """Re-signing adds a signature: neither the IR nor its ETag changes, and nothing is refused on the way."""
    before = await rotation.client.get(f"/policy/{POLICY_ID}")
    keyring.prepare(rotation.operator, "registry", "file")
    rotation.runtime.refresh()
    keyring.dual_accept(rotation.operator, "registry")
    rotation.runtime.refresh()
    assert keyring.switch(rotation.operator, "registry").entries_left == 0
    rotation.runtime.refresh()
    clock.advance(660)
    rotation.runtime.refresh()
    keyring.decommission(rotation.operator, "registry", "")
    rotation.runtime.refresh()
    after = await rotation.client.get(f"/policy/{POLICY_ID}")
    assert (after.status_code, after.content, after.headers["etag"]) == (200, before.content, before.headers["etag"])
    assert (await rotation.client.get("/readyz")).json()["reasons"] == []


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM entry WHERE subject = 'lksg.v1'",
        "UPDATE entry SET envelope = x'7b7d' WHERE subject = 'lksg.v1'",
        "UPDATE policy SET published_at = '2020-01-01T00:00:00Z' WHERE policy_id = 'lksg.v1'",
        "UPDATE policy SET ir_hash = (SELECT ir_hash FROM ir ORDER BY ir_hash LIMIT 1), policy_hash = 'sha3-256:00'"
        " WHERE policy_id = 'lksg.v1'",
        "UPDATE entry SET seq = 4711 WHERE subject = 'lksg.v1'",
    ],
    ids=["unsigned", "no envelope", "edited", "mixed up", "moved"],
)
async def test_what_is_not_what_was_signed_is_not_served_and_readyz_says_so(
    tampering: str, ctx: EngineContext, open_ctx: Callable[[], EngineContext]
) -> None:
    with sqlite3.connect(ctx.settings.store_path) as connection:
        connection.execute(tampering)
    runtime = Runtime(open_ctx(), replica="r2")
    runtime.refresh()
    assert runtime.serving is not None
    assert POLICY_ID not in runtime.serving.policies
    assert POLICY_ID in runtime.serving.refused
    with pytest.raises(Refused) as refused:
        ctx.store.policy(POLICY_ID)
    assert refused.value.code == "registry.not_signed"


async def test_a_keyring_that_is_not_believed_takes_a_verifier_out_of_service(rotation: Rotation) -> None:
    """An older registry in the place of the newest: results are still signed, and nobody is sent here."""
    keyring.renew(rotation.operator)
    rotation.runtime.refresh()
    rotation.operator.store.close()
    with sqlite3.connect(rotation.operator.settings.store_path) as connection:
        connection.execute("DROP TRIGGER keyring_keeps_every_row_delete")
        connection.execute("DELETE FROM keyring WHERE version > 1")
    rotation.runtime.refresh()
    ready = await rotation.client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["KEYS_UNUSABLE"])
