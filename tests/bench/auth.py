"""Authentication and signatures: what each stage costs, beside the bare cryptography under it.

`run()` returns a Markdown table. Every row is measured in short blocks that alternate with those of all other rows, so
that the noise of the machine falls on all of them alike; the figure is the best block.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from engine.canonical import canonical_json
from engine.clock import SystemClock
from engine.trust import KeySigner, ResultSigner, to_jwks, verify_result
from engine.trust.jws import encode_segment
from engine.verifier.auth import IssuerConfig, RateLimiter, Scope, TokenVerifier

BLOCK_S = 0.01
ROUNDS = 40

ISSUER, AUDIENCE = "https://idp.example", "https://verifier.example"


class Row(NamedTuple):
    """One line of the table."""

    stage: str
    work: Callable[[], object]
    beside: str
    """The stage it is compared with; empty for a baseline."""


def run() -> str:
    """Measure every row and return the table."""
    rows = [*_token_rows(), *_signing_rows(), _limiter_row()]
    best_us = _measure(rows)
    lines = ["| stage | best µs | beside | ratio |", "| --- | ---: | --- | ---: |"]
    for row in rows:
        ratio = f"{best_us[row.stage] / best_us[row.beside]:.2f}" if row.beside else ""
        lines.append(f"| {row.stage} | {best_us[row.stage]:.2f} | {row.beside} | {ratio} |")
    return "\n".join(lines)


def _measure(rows: list[Row]) -> dict[str, float]:
    repeats = {row.stage: _repeats(row.work) for row in rows}
    best = dict.fromkeys(repeats, float("inf"))
    for _ in range(ROUNDS):
        for row in rows:
            best[row.stage] = min(best[row.stage], _block_us(row.work, repeats[row.stage]))
    return best


def _repeats(work: Callable[[], object]) -> int:
    return max(1, int(BLOCK_S * 1e6 / _block_us(work, 3)))


def _block_us(work: Callable[[], object], times: int) -> float:
    started = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - started) / times / 1000


def _drive(call: Callable[[], Any]) -> Callable[[], object]:
    """Run a coroutine that never suspends, without an event loop around it."""

    def work() -> object:
        try:
            call().send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("the coroutine waited for something")

    return work


def _token_rows() -> list[Row]:
    clock = SystemClock()
    keys = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "Ed25519": Ed25519PrivateKey.generate(),
    }
    jwks = KeySet([_as_jwk(key, alg) for alg, key in keys.items()]).as_dict()
    config = IssuerConfig(ISSUER, frozenset({AUDIENCE}), jwks=jwks)
    verifier = TokenVerifier([config], clock=clock, pseudonymise=lambda name: name[-12:])
    key_set = KeySet.import_key_set(jwks)
    rows: list[Row] = []
    for alg, key in keys.items():
        token = _token(key, alg, int(clock.now().timestamp()))
        rows += [
            Row(f"{alg}: signature alone", _bare_verify(key, alg, token), ""),
            Row(f"{alg}: joserfc jwt.decode", partial(jwt.decode, token, key_set, [alg]), _bare(alg)),
            Row(f"{alg}: token never seen", _cold(verifier, token.encode()), _bare(alg)),
        ]
    headers = [(b"host", b"verifier"), (b"accept", b"*/*"), (b"authorization", b"Bearer " + token.encode())]
    asyncio.run(verifier.authenticate(headers, Scope.VERIFY_RUN))
    warm = _drive(lambda: verifier.authenticate(headers, Scope.VERIFY_RUN))
    return [
        *rows,
        Row("cache look-up", lambda: verifier.cache.get(token.encode()), ""),
        Row("request with a token seen before", warm, _bare("Ed25519")),
    ]


def _bare(alg: str) -> str:
    return f"{alg}: signature alone"


def _as_jwk(key: Any, alg: str) -> Any:
    kinds: dict[str, Any] = {"RS256": RSAKey, "ES256": ECKey, "Ed25519": OKPKey}
    return kinds[alg].import_key(key.public_key(), {"kid": f"key-{alg}"})


def _token(key: Any, alg: str, now: int) -> str:
    header = {"alg": alg, "kid": f"key-{alg}", "typ": "at+jwt"}
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "console",
        "client_id": "console",
        "iat": now,
        "exp": now + 3600,
        "jti": "5f0c1a2b3d4e5f60",
        "scope": "verify:run rollout:read",
    }
    data = encode_segment(canonical_json(header)) + b"." + encode_segment(canonical_json(claims))
    return (data + b"." + encode_segment(_sign(key, alg, data))).decode()


def _sign(key: Any, alg: str, data: bytes) -> bytes:
    match alg:
        case "RS256":
            signature: bytes = key.sign(data, padding.PKCS1v15(), hashes.SHA256())
            return signature
        case "ES256":
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        case _:
            return bytes(key.sign(data))


def _bare_verify(key: Any, alg: str, token: str) -> Callable[[], object]:
    data = token.rpartition(".")[0].encode()
    public = key.public_key()
    match alg:
        case "RS256":
            signature = key.sign(data, padding.PKCS1v15(), hashes.SHA256())
            return lambda: public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        case "ES256":
            signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
            return lambda: public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        case _:
            signature = key.sign(data)
            return lambda: public.verify(signature, data)


def _cold(verifier: TokenVerifier, token: bytes) -> Callable[[], object]:
    verify = _drive(lambda: verifier.verify(token))

    def work() -> object:
        verifier.cache.clear()
        return verify()

    return work


def _signing_rows() -> list[Row]:
    key = Ed25519PrivateKey.generate()
    signer, now = ResultSigner(KeySigner(key)), SystemClock().now()
    signed = signer.sign(RESULT)
    jwks, document = to_jwks(signer.public_keys()), signed.to_document()
    message = signed.token.rpartition(".")[0].encode()
    bare = f"Ed25519 signature of {len(message)} bytes alone"
    return [
        Row(bare, lambda: key.sign(message), ""),
        Row("canonical JSON of a result for 50 suppliers", lambda: canonical_json(RESULT), bare),
        Row("its digest", lambda: hashlib.sha256(signed.written).hexdigest(), bare),
        Row("sign it, all in all", lambda: signer.sign(RESULT), bare),
        Row("write it with its signature", signed.to_document, bare),
        Row("verify the document", lambda: verify_result(document, jwks, now=now), bare),
    ]


def _hash(n: int) -> str:
    return f"sha3-256:{n:064x}"


RESULT: dict[str, Any] = {
    "result_version": "1.0",
    "policy_id": "lksg.v1",
    **{name: _hash(n) for n, name in enumerate(("policy_hash", "ir_hash", "context_hash", "plan_hash"))},
    "at": "2026-01-31T12:00:00Z",
    "verdict": "warn",
    "enforced": True,
    "violations": [{"rule_id": "R7", "reason": "below_threshold"}],
    "suppliers": [{"supplier_hash": _hash(n), "verdict": "ok", "violations": []} for n in range(50)],
    "manifest_hash": _hash(99),
}
"""The shape and size of a verification result for the demonstration's fifty suppliers."""


def _limiter_row() -> Row:
    limiter = RateLimiter(rate_per_s=999_999, burst=1000, clock=SystemClock())
    return Row("rate limit", lambda: limiter.admit("op-0123456789ab"), "")


if __name__ == "__main__":
    print(run())  # noqa: T201 - the table is the product
