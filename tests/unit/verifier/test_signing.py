"""A key that has to be waited for holds up those who need its signature, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from engine.demo.seed import POLICY_ID
from engine.errors import EngineError, NotFound, Refused, Unavailable
from engine.policies.demonstration import demo_context
from engine.trust.custody import Custody, custody_of
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry
from engine.trust.signer import Signer
from engine.verifier import signing
from engine.verifier.runtime import Runtime
from engine.verifier.signing import THREADS
from tests.unit.verifier.samples import sample_of

SMOKE = {"policy_id": POLICY_ID, "context": {"_demo": True}}
PATIENCE_S = 20


class Elsewhere:
    """A `Signer` whose key is far away: it signs when it is let, in whatever thread asks."""

    def __init__(self, key: Signer, *, is_remote: bool) -> None:
        self._key = key
        self.is_remote = is_remote
        self.public_key = key.public_key
        self.lets = threading.Event()
        self.asked = threading.Semaphore(0)
        """Released for every signature that is asked for."""
        self.threads: list[int] = []
        self.failure: EngineError | None = None

    def sign(self, message: bytes) -> bytes:
        self.threads.append(threading.get_ident())
        self.asked.release()
        assert self.lets.wait(PATIENCE_S), "nobody let it sign"
        if self.failure is not None:
            raise self.failure
        return self._key.sign(message)


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    """Where the response key lies. To be asked for before the service is."""
    key = custody_of(runtime.ctx, {}).signer(KeyPurpose.RESPONSE)
    far = Elsewhere(key, is_remote=getattr(request, "param", True))
    open_here = Custody.open

    def open_there(custody: Custody, entry: KeyEntry) -> Signer:
        return far if entry.purpose is KeyPurpose.RESPONSE else open_here(custody, entry)

    monkeypatch.setattr(Custody, "open", open_there)
    yield far
    far.lets.set()


async def asked(elsewhere: Elsewhere, times: int = 1) -> None:
    """Wait until so many signatures are waited for."""
    for _ in range(times):
        assert await asyncio.to_thread(elsewhere.asked.acquire, timeout=PATIENCE_S)


async def test_others_are_answered_while_a_signature_is_waited_for(
    elsewhere: Elsewhere, client: httpx.AsyncClient
) -> None:
    slow = asyncio.create_task(client.post("/verify", json=SMOKE))
    await asked(elsewhere)
    for path in ("/healthz", "/metrics", "/.well-known/jwks.json", "/rollout"):
        assert (await client.get(path)).status_code < 500
    assert (await client.post("/verify", json={"policy_id": "none"})).status_code == 404
    assert not slow.done()
    elsewhere.lets.set()
    answer = await slow
    assert answer.status_code == 200
    assert answer.json()["result"]["signature"]


async def test_signatures_are_waited_for_at_once(elsewhere: Elsewhere, client: httpx.AsyncClient) -> None:
    tasks = [asyncio.create_task(client.post("/verify", json=SMOKE)) for _ in range(THREADS)]
    await asked(elsewhere, THREADS)
    elsewhere.lets.set()
    assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
    assert len(set(elsewhere.threads)) == THREADS
    assert threading.get_ident() not in elsewhere.threads


async def test_whoever_gets_no_turn_is_told_and_is_not_kept(
    elsewhere: Elsewhere, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "TURN_S", 0.01)
    waiting = [asyncio.create_task(client.post("/verify", json=SMOKE)) for _ in range(THREADS)]
    await asked(elsewhere, THREADS)
    refused = await client.post("/verify", json=SMOKE)
    assert (refused.status_code, refused.json()["code"]) == (503, "keys.busy")
    assert int(refused.headers["retry-after"]) >= 1
    elsewhere.lets.set()
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
    assert (await client.post("/verify", json=SMOKE)).status_code == 200


@pytest.mark.parametrize("failure", [Refused, NotFound, Unavailable])
async def test_a_key_that_is_gone_is_no_answer_and_gives_its_turn_back(
    elsewhere: Elsewhere, client: httpx.AsyncClient, failure: type[EngineError]
) -> None:
    elsewhere.lets.set()
    elsewhere.failure = failure("keys.vault_denied", "Vault does not let us", "Renew the token.")
    for _ in range(THREADS + 1):
        assert (await client.post("/verify", json=SMOKE)).status_code == 503
    elsewhere.failure = None
    assert (await client.post("/verify", json=SMOKE)).status_code == 200


async def test_a_result_that_was_not_signed_is_not_counted(
    elsewhere: Elsewhere, client: httpx.AsyncClient, runtime: Runtime
) -> None:
    """The gate goes by what callers were told."""
    elsewhere.lets.set()
    document = {"policy_id": POLICY_ID, "context": demo_context(runtime.clock.now())}
    elsewhere.failure = Unavailable("keys.away", "It is away", "Wait.")
    assert (await client.post("/verify", json=document)).status_code == 503
    assert sample_of(runtime).step.requests == 0
    elsewhere.failure = None
    assert (await client.post("/verify", json=document)).status_code == 200
    assert sample_of(runtime).step.requests == 1


@pytest.mark.parametrize("elsewhere", [False], indirect=True)
async def test_a_key_at_hand_signs_where_the_request_is_answered(
    elsewhere: Elsewhere, client: httpx.AsyncClient
) -> None:
    """Handing it to a thread would cost more than the signature."""
    elsewhere.lets.set()
    assert (await client.post("/verify", json=SMOKE)).status_code == 200
    assert elsewhere.threads == [threading.get_ident()]
