"""An issuer's endpoint that rotates, lags, lies or is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.verifier.auth import AuthError, AuthReason, Principal, TokenVerifier
from engine.verifier.auth.jwks import JwksCache


def down() -> bytes:
    raise ConnectionError


def serving(forge: Any, *kinds: str) -> Callable[[], bytes]:
    return lambda: json.dumps({"keys": [forge.jwk(kind) for kind in kinds]}).encode()


async def settle() -> None:
    """Let what runs in the background finish; nothing in these tests waits for the network."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_keys_are_fetched_once_for_many(online: TokenVerifier, fetch: Any, forge: Any) -> None:
    """A thousand requests at a cold start ask the issuer once."""
    tokens = [forge.token(jti=str(n)) for n in range(50)]
    principals = await asyncio.gather(*(online.verify(token) for token in tokens))
    assert len({p.actor for p in principals}) == 1
    assert fetch.calls == ["https://idp.example/jwks"]


async def test_a_new_key_is_believed_at_its_first_token(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock
) -> None:
    """Rotation: the issuer signs with a key that was not in the set a minute ago."""
    fetch.answer = serving(forge, "rsa")
    await online.verify(forge.token("RS256"))
    fetch.answer = serving(forge, "rsa", "ed")
    clock.advance(31)
    assert isinstance(await online.verify(forge.token("Ed25519")), Principal)
    assert len(fetch.calls) == 2


async def test_forged_key_ids_do_not_flood_the_issuer(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    await online.verify(forge.token())
    for second in range(120):
        clock.advance(1)
        for n in range(5):
            assert await outcome(online, forge.token(header={"kid": f"forged-{second}-{n}"})) is AuthReason.KID_UNKNOWN
    assert len(fetch.calls) == 1 + 120 // 30


async def test_a_withdrawn_key_is_refused_after_the_next_fetch(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    """Also for a token that was verified, and remembered, under that key."""
    old, new = forge.token("RS256"), forge.token("Ed25519")
    await online.verify(old)
    fetch.answer = serving(forge, "ed")
    clock.advance(301)
    assert await outcome(online, old) is AuthReason.KID_UNKNOWN
    assert isinstance(await online.verify(new), Principal)


async def test_traffic_of_known_tokens_alone_notices_a_withdrawn_key(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    """A remembered token sends for the keys again in time, or nobody would."""
    token = forge.token("RS256")
    fetch.answer = serving(forge, "rsa")
    await online.verify(token)
    fetch.answer = serving(forge, "ed")
    results = []
    for _ in range(31):
        clock.advance(10)
        results.append(await outcome(online, token))
        await settle()
    # The fetch at 240 s runs behind the answer to that request; the next one knows.
    assert [isinstance(result, Principal) for result in results] == [True] * 24 + [False] * 7
    assert set(results[24:]) == {AuthReason.KID_UNKNOWN}


async def test_keys_are_renewed_before_anyone_waits(forge: Any, clock: ManualClock) -> None:
    """At 240 s a request starts the fetch and is answered from the keys at hand."""
    gate, calls = asyncio.Event(), []

    async def slow() -> bytes:
        calls.append(clock.monotonic())
        await gate.wait()
        return json.dumps(forge.jwks()).encode()

    cache = JwksCache(slow, clock=clock, on_change=lambda: None)
    gate.set()
    await cache.find("ed")
    gate.clear()
    clock.advance(241)
    assert (await cache.find("ed")).algorithms
    await settle()
    assert calls == [0, 241]
    gate.set()
    await settle()
    assert cache.age_s == 0


async def test_a_dead_issuer_is_tolerated_for_ten_minutes(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    """300 s fresh and 600 s stale; then 503, and no word of the token being wrong."""
    await online.verify(forge.token())
    fetch.answer = down
    answers: dict[int, Any] = {}
    for second in range(10, 1000, 10):
        clock.advance(10)
        answers[second] = await outcome(online, forge.token(jti=str(second)))
        await settle()
    assert all(isinstance(answers[second], Principal) for second in range(10, 900, 10))
    assert {answers[second] for second in range(900, 1000, 10)} == {AuthReason.KEYS_UNAVAILABLE}
    assert AuthError(AuthReason.KEYS_UNAVAILABLE).status == 503


async def test_a_remembered_token_does_not_outlive_the_trust_in_its_keys(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    token = forge.token()
    await online.verify(token)
    fetch.answer = down
    for _ in range(91):
        clock.advance(10)
        last = await outcome(online, token)
        await settle()
    assert last is AuthReason.KEYS_UNAVAILABLE


async def test_recovery_needs_no_hand(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    answer, fetch.answer = fetch.answer, down
    assert await outcome(online, forge.token()) is AuthReason.KEYS_UNAVAILABLE
    fetch.answer = answer
    assert await outcome(online, forge.token()) is AuthReason.KEYS_UNAVAILABLE, "asked again at once"
    clock.advance(5)
    assert isinstance(await online.verify(forge.token()), Principal)
    assert len(fetch.calls) == 2


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b'{"keys":null}', b"x" * 70_000, b'{"keys":[],"keys":[]}', b"\xff\xfe"]
)
async def test_rubbish_leaves_the_keys_as_they_were(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock, body: bytes
) -> None:
    await online.verify(forge.token())
    fetch.answer = lambda: body
    clock.advance(400)
    assert isinstance(await online.verify(forge.token(jti="2")), Principal)
    assert len(fetch.calls) == 2


async def test_an_endpoint_that_never_answers_is_given_up(forge: Any, clock: ManualClock) -> None:
    async def hangs() -> bytes:
        await asyncio.Event().wait()
        return b""

    cache = JwksCache(hangs, clock=clock, on_change=lambda: None, timeout_s=0.01)
    with pytest.raises(AuthError) as denied:
        await cache.find("ed")
    assert denied.value.reason is AuthReason.KEYS_UNAVAILABLE


async def test_a_client_that_hangs_up_does_not_end_the_fetch_of_others(forge: Any, clock: ManualClock) -> None:
    gate = asyncio.Event()

    async def slow() -> bytes:
        await gate.wait()
        return json.dumps(forge.jwks()).encode()

    cache = JwksCache(slow, clock=clock, on_change=lambda: None)
    impatient, patient = asyncio.create_task(cache.find("ed")), asyncio.create_task(cache.find("ed"))
    await settle()
    impatient.cancel()
    await settle()
    gate.set()
    assert (await patient).algorithms == {"EdDSA", "Ed25519"}


async def test_a_new_key_waits_for_the_fetch_that_is_under_way(forge: Any, clock: ManualClock) -> None:
    """A rotation is seen by the renewal that runs already; the first token under the new key is not turned away."""
    gate, kinds = asyncio.Event(), ["rsa"]

    async def slow() -> bytes:
        await gate.wait()
        return serving(forge, *kinds)()

    cache = JwksCache(slow, clock=clock, on_change=lambda: None)
    gate.set()
    await cache.find("rsa")
    gate.clear()
    kinds.append("ed")
    clock.advance(241)
    await cache.find("rsa")
    early = asyncio.create_task(cache.find("ed"))
    await settle()
    assert not early.done()
    gate.set()
    assert (await early).algorithms == {"EdDSA", "Ed25519"}


async def test_only_a_changed_set_forgets_the_tokens(
    online: TokenVerifier, fetch: Any, forge: Any, clock: ManualClock
) -> None:
    await online.verify(forge.token(jti="kept"))
    clock.advance(301)
    await online.verify(forge.token(jti="second"))
    assert len(online.cache) == 2
    fetch.answer = serving(forge, "ed")
    clock.advance(301)
    await online.verify(forge.token(jti="third"))
    assert len(online.cache) == 1
