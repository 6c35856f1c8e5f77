"""The issuer dies, hangs, floods, rotates and flaps: who is let in meanwhile, and that it mends itself.

The issuer is a process of its own and the keys are fetched over a real socket; only the service's clock is held, so
that ten minutes of an outage take none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.settings import Settings
from engine.verifier.assembly import assemble
from engine.verifier.auth.jwks import RENEW_AFTER_S, RETRY_S, STALE_S, TTL_S, UNKNOWN_KID_S
from engine.verifier.runtime import Runtime
from tests.contract.service.conftest import SMOKE, Start, under_load, until
from tests.contract.service.issuer import Issuer, IssuerKey, now

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["RS256", "EdDSA"])
def old(request: pytest.FixtureRequest) -> IssuerKey:
    return IssuerKey("old", alg=request.param)


@pytest.fixture(scope="module")
def new() -> IssuerKey:
    return IssuerKey("new")


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    issuer = Issuer(tmp_path / "issuer")
    yield issuer
    issuer.kill()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Door:
    """A service that trusts the issuer, and what it answers to tokens."""

    def __init__(self, client: httpx.AsyncClient, clock: ManualClock, issuer: Issuer) -> None:
        self._client = client
        self.clock = clock
        self.issuer = issuer

    async def answers(self, key: IssuerKey, *, subject: str = "tester") -> tuple[int, str]:
        """Status and code of a verification with a token that is new at this moment."""
        headers = key.token(self.clock.now().timestamp(), subject=subject)
        answer = await self._client.post("/verify", json={"policy_id": "none.v1", "context": {}}, headers=headers)
        document: dict[str, Any] = answer.json()
        return answer.status_code, document["code"]


LET_IN = (404, "policy.unknown")
"""The store is empty: who is let in learns that there is no such policy."""
UNAVAILABLE = (503, "auth.keys_unavailable")
REFUSED = (401, "auth.invalid_token")


@pytest.fixture
async def door(tmp_path: Path, clock: ManualClock, issuer: Issuer, old: IssuerKey) -> AsyncIterator[Door]:
    issuer.publish(old)
    issuer.start()
    settings = replace(Settings(), env="demo", state_dir=tmp_path / "state", rate_limit_per_s=0, **issuer.settings)
    with open_context(settings, actor="tester", clock=clock) as ctx:
        runtime = Runtime(ctx, replica="r")
        runtime.refresh()
        service = assemble(runtime, environ={})
        transport = httpx.ASGITransport(app=service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Door(client, clock, issuer)
        await service.aclose()


async def test_cached_keys_serve_for_their_stale_time_and_no_longer(door: Door, old: IssuerKey, new: IssuerKey) -> None:
    """Killed with -9; then everyone is turned away for a while, nobody let in wrongly, and its return ends it."""
    assert await door.answers(old) == LET_IN
    forged = IssuerKey("old", alg=old.alg)
    door.issuer.kill()
    for _ in range(int(TTL_S + STALE_S) // 60 - 1):
        door.clock.advance(60)
        assert await door.answers(old) == LET_IN
        assert await door.answers(forged) == REFUSED
        assert await door.answers(new) == UNAVAILABLE, "who knows whether the issuer has published it by now?"
    door.clock.advance(60)
    for key in (old, new, forged):
        assert await door.answers(key) == UNAVAILABLE
    door.issuer.start()
    door.clock.advance(RETRY_S)
    assert await door.answers(old) == LET_IN
    assert await door.answers(forged) == REFUSED
    assert await door.answers(new) == REFUSED, "the issuer is back and does not know it"


@pytest.mark.parametrize("mode", ["silent", "huge"])
async def test_an_issuer_that_hangs_or_floods_is_one_that_is_away(
    door: Door, old: IssuerKey, new: IssuerKey, mode: str
) -> None:
    assert await door.answers(old) == LET_IN
    door.issuer.publish(old, new)
    door.issuer.behave(mode)
    door.clock.advance(UNKNOWN_KID_S)
    assert await door.answers(new) == UNAVAILABLE
    assert await door.answers(old) == LET_IN
    door.issuer.behave("well")
    door.clock.advance(RETRY_S)
    assert await door.answers(new) == LET_IN


async def test_a_rotation_lets_the_new_key_in_and_drops_the_old_one_at_the_next_fetch(
    door: Door, old: IssuerKey, new: IssuerKey
) -> None:
    assert await door.answers(old) == LET_IN
    door.issuer.publish(old, new)
    door.clock.advance(UNKNOWN_KID_S)
    assert await door.answers(new) == LET_IN
    assert await door.answers(old) == LET_IN
    door.issuer.publish(new)
    door.clock.advance(TTL_S)
    assert await door.answers(old) == REFUSED
    assert await door.answers(new) == LET_IN


async def test_a_flapping_issuer_turns_nobody_away_whom_it_vouches_for(
    door: Door, old: IssuerKey, new: IssuerKey
) -> None:
    """And whoever it does not vouch for is told so as soon as it can be asked."""
    assert await door.answers(old) == LET_IN
    for _ in range(5):
        door.issuer.kill()
        door.clock.advance(RENEW_AFTER_S)
        assert await door.answers(old) == LET_IN
        assert await door.answers(new) == UNAVAILABLE
        door.issuer.start()
        door.clock.advance(RETRY_S)
        assert await door.answers(old) == LET_IN
        assert await door.answers(new) == REFUSED


def test_the_service_under_load_outlives_its_issuer_and_the_console_says_what_happened(
    ctx: EngineContext, start: Start, issuer: Issuer, old: IssuerKey
) -> None:
    """Down at the start: 503 for all, which the console shows as errors, and the gate holds. Killed later: no loss."""
    issuer.publish(old)
    service = start("--workers", "2", environ={f"CAPCTL_{k.upper()}": v for k, v in issuer.settings.items()})
    headers = old.token(now())
    for _ in range(4):
        answer = httpx.post(f"{service.url}/verify", json=SMOKE, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == UNAVAILABLE
        assert int(answer.headers["retry-after"]) >= 1
    until(lambda: capctl(ctx, "status")[1]["error_ratio"] == 1.0)
    code, checked = capctl(ctx, "gate", "check")
    assert code in (3, 4), "closed or held: never open"
    assert checked["answer"] in ("closed", "hold")
    assert capctl(ctx, "drift", "show")[1]["step"]["requests"] == 0, "nobody was judged"
    issuer.start()
    until(lambda: all(_status(service.url, headers) == 200 for _ in range(8)), within_s=20)
    with under_load(service.url, headers) as told:
        until(lambda: told["200"] > 50)
        issuer.kill()
        seen = told["200"]
        until(lambda: told["200"] > seen + 200)
        assert _status(service.url, old.token(now(), subject="another")) == 200, "a new token of a known key"
        assert _status(service.url, IssuerKey("old", alg=old.alg).token(now())) == 401
    assert set(told) == {"200"}


def _status(url: str, headers: dict[str, str]) -> int:
    return httpx.post(f"{url}/verify", json=SMOKE, headers=headers).status_code


def capctl(ctx: EngineContext, *command: str) -> tuple[int, dict[str, Any]]:
    """What a script is told: the exit code and the JSON."""
    state = {"CAPCTL_STATE_DIR": str(ctx.settings.state_dir)}
    options = ("--policy", str(SMOKE["policy_id"]), "--env", "staging", "--output", "json")
    done = subprocess.run(
        [sys.executable, "-m", "capctl", *command, *options],
        env={**os.environ, **state},
        capture_output=True,
        check=False,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document
