"""An issuer that can mint anything, good or bad, and a verifier that trusts it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from engine.clock import ManualClock
from engine.trust.jws import encode_segment
from engine.verifier.auth import AuthError, AuthReason, IssuerConfig, Principal, TokenVerifier

ISSUER = "https://idp.example/realm"
AUDIENCE = "https://verifier.example"


def _int(number: int, length: int | None = None) -> str:
    return encode_segment(number.to_bytes(length or (number.bit_length() + 7) // 8, "big")).decode()


class Forge:
    """Keys of three kinds, and tokens under them with any header and claims."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.derive_private_key(0x5EED, ec.SECP256R1())
        self.ed = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"issuer of the tests").digest())

    def jwk(self, kind: str, **members: Any) -> dict[str, Any]:
        """The public JWK of a key, `kid` equal to its kind."""
        match kind:
            case "rsa":
                numbers = self.rsa.public_key().public_numbers()
                key = {"kty": "RSA", "n": _int(numbers.n), "e": _int(numbers.e)}
            case "ec":
                point = self.ec.public_key().public_numbers()
                key = {"kty": "EC", "crv": "P-256", "x": _int(point.x, 32), "y": _int(point.y, 32)}
            case _:
                raw = self.ed.public_key().public_bytes_raw()
                key = {"kty": "OKP", "crv": "Ed25519", "x": encode_segment(raw).decode()}
        return {**key, "kid": kind, **members}

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.jwk(kind) for kind in ("rsa", "ec", "ed")]}

    def signature(self, alg: str, data: bytes) -> bytes:
        match alg:
            case "RS256":
                return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
            case "PS256":
                return self.rsa.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
            case "ES256":
                r, s = decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
            case _:
                return self.ed.sign(data)

    def sign(self, header: bytes, claims: bytes, *, alg: str) -> bytes:
        """A compact JWS over exactly these bytes."""
        data = encode_segment(header) + b"." + encode_segment(claims)
        return data + b"." + encode_segment(self.signature(alg, data))

    def token(self, alg: str = "Ed25519", *, header: dict[str, Any] | None = None, **claims: Any) -> bytes:
        """A good token of 2026-01-01, changed as told; a value of `...` removes a member."""
        kid = {"RS256": "rsa", "PS256": "rsa", "ES256": "ec"}.get(alg, "ed")
        full_header = {"alg": alg, "kid": kid, "typ": "at+jwt", **(header or {})}
        full_claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "a-subject",
            "client_id": "console",
            "iat": 1767225600,
            "nbf": 1767225600,
            "exp": 1767229200,
            "scope": "verify:run rollout:read openid",
            **claims,
        }
        return self.sign(_json(full_header), _json(full_claims), alg=alg)


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


@dataclass
class CountingFetch:
    """A JWKS endpoint whose answer a test decides; counts how often it is asked."""

    answer: Callable[[], bytes] = lambda: b""
    calls: list[str] = field(default_factory=list)

    async def __call__(self, url: str) -> bytes:
        self.calls.append(url)
        return self.answer()


@pytest.fixture(scope="session")
def forge() -> Forge:
    return Forge()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def pseudonymise(name: str) -> str:
    return "op-" + hashlib.sha256(name.encode()).hexdigest()[:12]


@pytest.fixture
def config(forge: Forge) -> IssuerConfig:
    return IssuerConfig(ISSUER, frozenset({AUDIENCE}), jwks=forge.jwks())


@pytest.fixture
def verifier(config: IssuerConfig, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier([config], clock=clock, pseudonymise=pseudonymise)


@pytest.fixture
def fetch(forge: Forge) -> CountingFetch:
    return CountingFetch(lambda: json.dumps(forge.jwks()).encode())


@pytest.fixture
def online(fetch: CountingFetch, clock: ManualClock) -> TokenVerifier:
    """A verifier that gets its keys from `fetch`."""
    config = IssuerConfig(ISSUER, frozenset({AUDIENCE}), jwks_url="https://idp.example/jwks")
    return TokenVerifier([config], clock=clock, pseudonymise=pseudonymise, fetch=fetch)


Outcome = Principal | AuthReason


@pytest.fixture
def outcome() -> Callable[[TokenVerifier, bytes], Any]:
    """Verifies a token and gives the principal, or the reason of the denial."""

    async def verify(verifier: TokenVerifier, token: bytes) -> Outcome:
        try:
            return await verifier.verify(token)
        except AuthError as error:
            return error.reason

    return verify
