"""Who may ask for what: scopes, limits, and what becomes of every bad token at the service's door."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import POLICY_ID, service_of
from engine.trust import CompactSigner, KeySigner, PublicKey, to_jwks, verify_result
from engine.verifier.assembly import assemble
from engine.verifier.auth import EmbeddedIssuer, Scope
from engine.verifier.routes import SCOPES
from engine.verifier.runtime import Runtime

SMOKE = {"policy_id": POLICY_ID, "context": {"_demo": True}, "backend": "mock"}
ISSUER = "https://idp.example/realm"
GUARDED = [
    (method, path.replace("{policy_id}", POLICY_ID), scope)
    for path, methods in SCOPES.items()
    for method, scope in methods.items()
    if scope is not None and path != "/metrics"
]

Mint = Callable[..., str]


def _caller(runtime: Runtime, **settings: Any) -> httpx.AsyncClient:
    """A caller without a token of a service with other settings."""
    runtime.ctx.settings = replace(runtime.ctx.settings, **settings)
    app = assemble(runtime, environ={}).app
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path", "scope"), GUARDED)
async def test_every_endpoint_wants_its_own_scope_and_no_other(
    transport: httpx.ASGITransport, mint: Mint, method: str, path: str, scope: Scope
) -> None:
    others = [other for other in Scope if other is not scope]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        nobody = await client.request(method, path, json={})
        assert (nobody.status_code, nobody.json()["code"]) == (401, "auth.missing_token")
        assert nobody.headers["www-authenticate"] == 'Bearer realm="capctl"'
        stranger = await client.request(method, path, json={}, headers=_bearer(mint(*others)))
        assert (stranger.status_code, stranger.json()["code"]) == (403, "auth.insufficient_scope")
        assert f'scope="{scope}"' in stranger.headers["www-authenticate"]
        allowed = await client.request(method, path, json={}, headers=_bearer(mint(scope)))
        assert allowed.status_code not in (401, 403)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"])
async def test_what_is_public_tolerates_any_token(transport: httpx.ASGITransport, path: str) -> None:
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.get(path, headers=_bearer("rubbish"))).status_code == 200


async def test_exposed_metrics_want_a_scope(runtime: Runtime, mint: Mint) -> None:
    token = mint(Scope.METRICS_READ)
    async with _caller(runtime, metrics_exposed=True) as client:
        assert (await client.get("/metrics")).status_code == 401
        text = (await client.get("/metrics", headers=_bearer(token))).text
    assert re.search(r'cap_auth_token_validation_failures_total{.*reason="missing_token"[^}]*} 1', text)


async def test_breaking_the_glass_wants_a_scope_of_its_own(client: httpx.AsyncClient, mint: Mint) -> None:
    change = {"percent": 25, "reason": "test", "break_glass": True}
    operator = {**_bearer(mint(Scope.ROLLOUT_WRITE)), "if-match": '"1"'}
    refused = await client.put("/rollout", json=change, headers=operator)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.insufficient_scope")
    made = await client.put("/rollout", json=change, headers={"if-match": '"1"'})
    assert (made.status_code, made.json()["rollout"]["percent"]) == (200, 25)


async def test_a_client_that_asks_too_often_waits_and_others_do_not(
    runtime: Runtime, mint: Mint, clock: ManualClock
) -> None:
    eager, other = _bearer(mint(subject="eager")), _bearer(mint(subject="other"))
    async with _caller(runtime, rate_limit_per_s=1.0, rate_limit_burst=2) as client:
        statuses = [(await client.post("/verify", json=SMOKE, headers=eager)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = await client.post("/verify", json=SMOKE, headers=eager)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("http.rate_limited", "1")
        assert (await client.post("/verify", json=SMOKE, headers=other)).status_code == 200
        clock.advance(1)
        assert (await client.post("/verify", json=SMOKE, headers=eager)).status_code == 200


async def test_requests_that_are_not_let_in_are_no_traffic(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """Nobody without a token can water down what the gate reads."""
    await client.post("/verify", json=SMOKE, headers=_bearer("rubbish"))
    assert runtime.recorder.traffic().requests == 0


async def test_a_result_proves_itself_with_the_published_keys(client: httpx.AsyncClient, runtime: Runtime) -> None:
    result = (await client.post("/verify", json=SMOKE)).json()["result"]
    keys = (await client.get("/.well-known/jwks.json")).json()
    verified = verify_result(result, keys, now=runtime.clock.now())
    assert verified.document["manifest_hash"] == result["manifest_hash"]
    assert verified.kid == result["kid"]


def _b64(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _altered(token: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The token with other members, under the signature it had."""
    head, body, signature = token.split(".")
    old = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body)]
    return f"{_b64(old[0] | header)}.{_b64(old[1] | claims)}.{signature}"


BAD_TOKENS: dict[str, Callable[[str], str]] = {
    "none": lambda t: _altered(t, {"alg": "none"}, {}).rpartition(".")[0] + ".",
    "HS256": lambda t: _altered(t, {"alg": "HS256"}, {}),
    "unknown kid": lambda t: _altered(t, {"kid": "x"}, {}),
    "no kid": lambda t: _b64({"alg": "Ed25519", "typ": "at+jwt"}) + "." + t.split(".", 1)[1],
    "kid twice": lambda t: _b64(b'{"alg":"Ed25519","kid":"a","kid":"b"}') + "." + t.split(".", 1)[1],
    "jwk": lambda t: _altered(t, {"jwk": {"kty": "OKP"}}, {}),
    "jku": lambda t: _altered(t, {"jku": "https://evil.example/keys"}, {}),
    "crit": lambda t: _altered(t, {"crit": ["exp"]}, {}),
    "other claims": lambda t: _altered(t, {}, {"scope": "rollout:override"}),
    "exp as text": lambda t: _altered(t, {}, {"exp": "9999999999"}),
    "huge": lambda t: "a" * 20_000 + t,
    "empty segments": lambda _: "..",
    "bytes": lambda _: "\u00ff\u00fe",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_a_problem_document_without_a_hint_of_why(
    client: httpx.AsyncClient, mint: Mint, name: str
) -> None:
    token = BAD_TOKENS[name](mint()).encode("latin-1")
    answer = await client.post("/verify", json=SMOKE, headers=[(b"authorization", b"Bearer " + token)])
    assert answer.status_code in (400, 401)
    assert answer.json()["code"] in ("auth.invalid_token", "auth.invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "www-authenticate" in answer.headers


class Idp:
    """An issuer on a network of its own, whose key set endpoint can break in every way."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.keys = [Ed25519PrivateKey.generate()]
        self.mode = "well"
        self.fetches = 0

    def answer(self, _: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.mode == "down":
            raise httpx.ConnectError("refused")
        if self.mode == "huge":
            return _streamed(b" " * 2**20)
        if self.mode == "rubbish":
            return _streamed(b"<html>")
        keys = to_jwks([PublicKey(key.public_key().public_bytes_raw()) for key in self.keys])
        return _streamed(json.dumps(keys).encode())

    def token(self) -> str:
        now = int(self.clock.now().timestamp())
        claims = {"iss": ISSUER, "aud": "cap", "sub": "pipeline", "exp": now + 3600, "roles": ["verify:run"]}
        return CompactSigner(KeySigner(self.keys[-1]), typ="at+jwt").compact(json.dumps(claims).encode())


def _streamed(body: bytes) -> httpx.Response:
    """An answer whose body is still on its way, as those of a real server are."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    return httpx.Response(200, content=chunks())


@pytest.fixture
def idp(clock: ManualClock) -> Idp:
    return Idp(clock)


@pytest.fixture
async def foreign(runtime: Runtime, idp: Idp) -> httpx.AsyncClient:
    """A caller of a service that trusts the issuer by configuration alone."""
    configured = {"auth_issuer": ISSUER, "auth_audience": "cap", "auth_scope_claim": "roles"}
    runtime.ctx.settings = replace(runtime.ctx.settings, **configured, auth_jwks_url="https://idp.example/jwks")
    app = assemble(runtime, environ={}, network=httpx.MockTransport(idp.answer)).app
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


async def _status(client: httpx.AsyncClient, token: str) -> int:
    return (await client.post("/verify", json=SMOKE, headers=_bearer(token))).status_code


async def test_any_issuer_is_trusted_by_configuration(foreign: httpx.AsyncClient, idp: Idp, mint: Mint) -> None:
    assert await _status(foreign, idp.token()) == 200
    assert await _status(foreign, mint()) == 401


@pytest.mark.parametrize("mode", ["down", "huge", "rubbish"])
async def test_an_issuer_that_breaks_denies_nobody_it_named_and_recovers_by_itself(
    foreign: httpx.AsyncClient, idp: Idp, clock: ManualClock, mode: str
) -> None:
    """Cached keys go on for their time, then nothing is believed (503), then all is well without a hand."""
    idp.mode = mode
    assert await _status(foreign, idp.token()) == 503
    idp.mode = "well"
    clock.advance(10)
    assert await _status(foreign, idp.token()) == 200
    idp.mode = mode
    clock.advance(400)
    assert await _status(foreign, idp.token()) == 200
    clock.advance(600)
    assert await _status(foreign, idp.token()) == 503
    idp.mode = "well"
    clock.advance(10)
    assert await _status(foreign, idp.token()) == 200


async def test_a_rotated_key_is_fetched_once_and_forged_ones_cannot_flood_the_issuer(
    foreign: httpx.AsyncClient, idp: Idp, clock: ManualClock
) -> None:
    await _status(foreign, idp.token())
    idp.keys.append(Ed25519PrivateKey.generate())
    clock.advance(31)
    assert await _status(foreign, idp.token()) == 200
    fetches = idp.fetches
    forger = Idp(clock)
    for _ in range(20):
        forger.keys = [Ed25519PrivateKey.generate()]
        assert await _status(foreign, forger.token()) == 401
    assert idp.fetches <= fetches + 1


async def test_the_audit_trail_knows_who_published(client: httpx.AsyncClient, ctx: EngineContext) -> None:
    await client.put("/rollout", json={"percent": 0})
    actor = ctx.store.audit_tail(limit=1)[0].event.actor
    assert ctx.store.actor_name(actor).endswith("|tester")
    assert service_of(ctx).assess(POLICY_ID).state.actor == actor


def test_the_embedded_issuer_is_never_production(ctx: EngineContext) -> None:
    settings = replace(ctx.settings, env="prod")
    with pytest.raises(Exception, match="production"):
        EmbeddedIssuer.open(settings, clock=ctx.clock)


async def test_a_token_is_counted_under_its_issuers_key_when_its_signature_was_checked(
    client: httpx.AsyncClient, runtime: Runtime, mint: Mint
) -> None:
    """Once for each token that is new: one that is known from before is not checked again."""
    [key] = (EmbeddedIssuer.open(runtime.ctx.settings, clock=runtime.clock).config().jwks or {})["keys"]
    for token in (mint(subject="one"), mint(subject="two")):
        for _ in range(3):
            await client.get("/rollout", headers={"authorization": f"Bearer {token}"})
    series = f'cap_signatures_verified_total{{kid="{key["kid"]}",replica="r1"}} 2.0'
    assert series in (await client.get("/metrics")).text
