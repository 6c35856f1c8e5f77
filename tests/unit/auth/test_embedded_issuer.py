"""The embedded issuer: real tokens, but never in production."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from engine.clock import ManualClock
from engine.errors import InvalidInput, Refused
from engine.settings import Settings
from engine.verifier.auth import AuthError, AuthReason, EmbeddedIssuer, Scope, TokenVerifier


@pytest.fixture
def issuer(tmp_path: Path, clock: ManualClock) -> EmbeddedIssuer:
    return EmbeddedIssuer.open(Settings(state_dir=tmp_path), clock=clock)


async def test_its_tokens_are_accepted_until_they_end(issuer: EmbeddedIssuer, clock: ManualClock) -> None:
    verifier = TokenVerifier([issuer.config()], clock=clock, pseudonymise=str)
    token = issuer.mint([Scope.VERIFY_RUN, Scope.POLICY_READ], subject="demo", ttl_s=60).encode()
    assert (await verifier.verify(token)).scopes == {Scope.VERIFY_RUN, Scope.POLICY_READ}
    clock.advance(60 + 30)
    with pytest.raises(AuthError) as denied:
        await verifier.verify(token)
    assert denied.value.reason is AuthReason.EXPIRED


async def test_a_token_for_another_audience_is_refused(
    issuer: EmbeddedIssuer, clock: ManualClock, outcome: Any
) -> None:
    verifier = TokenVerifier([issuer.config()], clock=clock, pseudonymise=str)
    token = issuer.mint([Scope.VERIFY_RUN], subject="demo", audience="elsewhere").encode()
    assert await outcome(verifier, token) is AuthReason.AUDIENCE


async def test_tokens_of_another_installation_are_refused(
    issuer: EmbeddedIssuer, clock: ManualClock, tmp_path: Path, outcome: Any
) -> None:
    other = EmbeddedIssuer.open(Settings(state_dir=tmp_path / "other"), clock=clock)
    verifier = TokenVerifier([issuer.config()], clock=clock, pseudonymise=str)
    assert await outcome(verifier, other.mint([Scope.VERIFY_RUN], subject="demo").encode()) is AuthReason.KID_UNKNOWN


def test_tokens_survive_a_restart(issuer: EmbeddedIssuer, clock: ManualClock, tmp_path: Path) -> None:
    assert EmbeddedIssuer.open(Settings(state_dir=tmp_path), clock=clock).jwks() == issuer.jwks()


def test_any_jwt_library_reads_its_tokens(issuer: EmbeddedIssuer) -> None:
    """Claims of an OAuth2 access token as RFC 9068 has them."""
    keys: Any = issuer.jwks()
    token = jwt.decode(
        issuer.mint([Scope.VERIFY_RUN], subject="demo"), KeySet.import_key_set(keys), algorithms=["Ed25519"]
    )
    assert token.header["typ"] == "at+jwt"
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(token.claims)


def test_the_same_inputs_mint_the_same_token(tmp_path: Path) -> None:
    def mint(folder: str) -> str:
        issuer = EmbeddedIssuer.open(
            Settings(state_dir=tmp_path / folder), clock=ManualClock(), random_bytes=lambda n: b"\x01" * n
        )
        return issuer.mint([Scope.VERIFY_RUN, Scope.POLICY_READ], subject="demo")

    assert mint("a") == mint("b")


def test_production_refuses_it(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(Refused) as refused:
        EmbeddedIssuer.open(Settings(env="prod", state_dir=tmp_path), clock=clock)
    assert refused.value.code == "auth.embedded_issuer"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wish", [{"scopes": []}, {"ttl_s": 0}, {"ttl_s": -5}, {"ttl_s": 86_401}, {"subject": ""}, {"audience": ""}]
)
def test_a_senseless_token_is_not_minted(issuer: EmbeddedIssuer, wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        issuer.mint(**{"scopes": [Scope.VERIFY_RUN], "subject": "demo", **wish})
