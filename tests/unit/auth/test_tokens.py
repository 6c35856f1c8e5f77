"""Good tokens are accepted, and every attack of the book is not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.errors import InvalidInput
from engine.trust import CompactSigner, KeySigner
from engine.trust.jws import JwsProblem, encode_segment
from engine.verifier.auth import AuthError, AuthReason, IssuerConfig, Scope, TokenVerifier
from engine.verifier.auth.claims import check_claims

ISSUER = "https://idp.example/realm"
AUDIENCE = "https://verifier.example"

shared_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "Ed25519"])
async def test_a_good_token_is_accepted(verifier: TokenVerifier, forge: Any, alg: str) -> None:
    principal = await verifier.verify(forge.token(alg))
    assert principal.scopes == {Scope.VERIFY_RUN, Scope.ROLLOUT_READ}
    assert principal.expires_at == datetime(2026, 1, 1, 1, tzinfo=UTC)


async def test_a_principal_tells_no_name(verifier: TokenVerifier, forge: Any) -> None:
    """Pseudonyms only, so that a principal may be logged as it is."""
    principal = await verifier.verify(forge.token())
    assert principal.actor != principal.client
    assert not {"a-subject", "console"} & set(repr(principal).replace("'", " ").split())


async def test_a_name_means_someone_else_at_another_issuer(forge: Any, clock: ManualClock) -> None:
    configs = [
        IssuerConfig(issuer, frozenset({AUDIENCE}), jwks=forge.jwks()) for issuer in (ISSUER, "https://other.example")
    ]
    verifier = TokenVerifier(configs, clock=clock, pseudonymise=lambda name: hashlib.sha256(name.encode()).hexdigest())
    ours, theirs = [await verifier.verify(forge.token(iss=config.issuer)) for config in configs]
    assert ours.actor != theirs.actor
    assert ours.client != theirs.client


def _hs256_with_the_public_key(forge: Any) -> Any:
    """The oldest trick: the RSA public key taken for an HMAC secret."""
    header = encode_segment(b'{"alg":"HS256","kid":"rsa","typ":"at+jwt"}')
    data = header + b"." + forge.token("RS256").split(b".")[1]
    secret = json.dumps(forge.jwk("rsa")).encode()
    return data + b"." + encode_segment(hmac.digest(secret, data, "sha256"))


def _unsigned(forge: Any) -> Any:
    header, claims, _ = forge.token(header={"alg": "none"}).split(b".")
    return header + b"." + claims + b"."


def _claims_of_another(forge: Any) -> Any:
    header, _, signature = forge.token().split(b".")
    return header + b"." + forge.token(sub="mallory").split(b".")[1] + b"." + signature


def _twice(forge: Any, where: str) -> Any:
    header, claims = b'{"alg":"Ed25519","kid":"ed","typ":"at+jwt"}', forge.token().split(b".")[1]
    claims = base64.urlsafe_b64decode(claims + b"==")
    if where == "header":
        header = header.replace(b'"kid":"ed"', b'"kid":"ed","kid":"rsa"')
    else:
        claims = claims.replace(b'"sub": "a-subject"', b'"sub": "a-subject", "sub": "root"')
    return forge.sign(header, claims, alg="Ed25519")


ATTACKS: dict[str, tuple[Callable[[Any], bytes], AuthReason]] = {
    "alg none": (_unsigned, AuthReason.MALFORMED),
    "alg none, signed": (lambda f: f.token(header={"alg": "none"}), AuthReason.ALGORITHM),
    "alg None in capitals": (lambda f: f.token(header={"alg": "NONE"}), AuthReason.ALGORITHM),
    "alg missing": (lambda f: f.token(header={"alg": ...}), AuthReason.ALGORITHM),
    "alg a list": (lambda f: f.token(header={"alg": ["Ed25519"]}), AuthReason.ALGORITHM),
    "HS256 with the public key": (_hs256_with_the_public_key, AuthReason.ALGORITHM),
    "PS256, not configured": (lambda f: f.token("PS256"), AuthReason.ALGORITHM),
    "Ed448": (lambda f: f.token(header={"alg": "Ed448"}), AuthReason.ALGORITHM),
    "RS256 named, RSA key, EC signature": (
        lambda f: f.token("ES256", header={"alg": "RS256", "kid": "rsa"}),
        AuthReason.SIGNATURE,
    ),
    "ES256 named over an RSA key": (lambda f: f.token("ES256", header={"kid": "rsa"}), AuthReason.ALGORITHM),
    "Ed25519 named over an EC key": (lambda f: f.token(header={"kid": "ec"}), AuthReason.ALGORITHM),
    "unknown kid": (lambda f: f.token(header={"kid": "nobody"}), AuthReason.KID_UNKNOWN),
    "missing kid": (lambda f: f.token(header={"kid": ...}), AuthReason.KID_MISSING),
    "empty kid": (lambda f: f.token(header={"kid": ""}), AuthReason.KID_MISSING),
    "kid a number": (lambda f: f.token(header={"kid": 1}), AuthReason.KID_MISSING),
    "kid that looks like a path": (lambda f: f.token(header={"kid": "../../dev/null"}), AuthReason.KID_UNKNOWN),
    "kid without end": (lambda f: f.token(header={"kid": "k" * 257}), AuthReason.KID_MISSING),
    "kid twice in the header": (lambda f: _twice(f, "header"), AuthReason.MALFORMED),
    "sub twice in the claims": (lambda f: _twice(f, "claims"), AuthReason.MALFORMED),
    "embedded jwk": (lambda f: f.token(header={"jwk": f.jwk("ed")}), AuthReason.HEADER),
    "jku": (lambda f: f.token(header={"jku": "https://attacker.example/jwks"}), AuthReason.HEADER),
    "x5u": (lambda f: f.token(header={"x5u": "https://attacker.example/cert"}), AuthReason.HEADER),
    "x5c": (lambda f: f.token(header={"x5c": ["MIIB"]}), AuthReason.HEADER),
    "crit": (lambda f: f.token(header={"crit": ["exp"]}), AuthReason.HEADER),
    "crit, empty": (lambda f: f.token(header={"crit": []}), AuthReason.HEADER),
    "unencoded payload": (lambda f: f.token(header={"b64": False, "crit": ["b64"]}), AuthReason.HEADER),
    "nested token": (lambda f: f.token(header={"cty": "JWT"}), AuthReason.HEADER),
    "a verification result": (lambda f: f.token(header={"typ": "capctl-verify+jwt"}), AuthReason.TYPE),
    "a logout token": (lambda f: f.token(header={"typ": "logout+jwt"}), AuthReason.TYPE),
    "typ a number": (lambda f: f.token(header={"typ": 1}), AuthReason.TYPE),
    "claims exchanged": (_claims_of_another, AuthReason.SIGNATURE),
    "no claims": (lambda f: f.sign(b'{"alg":"Ed25519","kid":"ed"}', b"null", alg="Ed25519"), AuthReason.CLAIMS),
    "claims no JSON": (lambda f: f.sign(b'{"alg":"Ed25519","kid":"ed"}', b"{", alg="Ed25519"), AuthReason.MALFORMED),
    "header no object": (lambda f: f.sign(b'["alg"]', b"{}", alg="Ed25519"), AuthReason.MALFORMED),
    "deeply nested claims": (lambda f: f.token(extra=json.loads("[" * 80 + "]" * 80)), AuthReason.MALFORMED),
    "another issuer": (lambda f: f.token(iss="https://attacker.example"), AuthReason.ISSUER),
    "issuer with a slash more": (lambda f: f.token(iss=ISSUER + "/"), AuthReason.ISSUER),
    "issuer a list": (lambda f: f.token(iss=[ISSUER]), AuthReason.CLAIMS),
    "issuer missing": (lambda f: f.token(iss=...), AuthReason.CLAIMS),
    "another audience": (lambda f: f.token(aud="https://other.example"), AuthReason.AUDIENCE),
    "audience as a prefix": (lambda f: f.token(aud=AUDIENCE + "/admin"), AuthReason.AUDIENCE),
    "audience empty": (lambda f: f.token(aud=[]), AuthReason.AUDIENCE),
    "audience missing": (lambda f: f.token(aud=...), AuthReason.CLAIMS),
    "audience an object": (lambda f: f.token(aud={AUDIENCE: 1}), AuthReason.CLAIMS),
    "audience with a number": (lambda f: f.token(aud=[AUDIENCE, 1]), AuthReason.CLAIMS),
    "expired": (lambda f: f.token(exp=1767225570), AuthReason.EXPIRED),
    "exp missing": (lambda f: f.token(exp=...), AuthReason.CLAIMS),
    "exp a string": (lambda f: f.token(exp="1767229200"), AuthReason.CLAIMS),
    "exp a bool": (lambda f: f.token(exp=True), AuthReason.CLAIMS),
    "exp null": (lambda f: f.token(exp=None), AuthReason.CLAIMS),
    "exp infinite": (lambda f: f.token(exp=float("inf")), AuthReason.MALFORMED),
    "exp beyond every float": (
        lambda f: f.sign(
            b'{"alg":"Ed25519","kid":"ed"}',
            f'{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"a","exp":1e400}}'.encode(),
            alg="Ed25519",
        ),
        AuthReason.MALFORMED,
    ),
    "exp after the last year": (lambda f: f.token(exp=10**15), AuthReason.CLAIMS),
    "exp negative": (lambda f: f.token(exp=-1), AuthReason.CLAIMS),
    "nbf in the future": (lambda f: f.token(nbf=1767225631), AuthReason.NOT_YET_VALID),
    "nbf a string": (lambda f: f.token(nbf="0"), AuthReason.CLAIMS),
    "nbf null": (lambda f: f.token(nbf=None), AuthReason.CLAIMS),
    "iat in the future": (lambda f: f.token(iat=1767225631), AuthReason.NOT_YET_VALID),
    "iat a bool": (lambda f: f.token(iat=False), AuthReason.CLAIMS),
    "bound to a key": (lambda f: f.token(cnf={"jkt": "x"}), AuthReason.SENDER_CONSTRAINED),
    "nobody": (lambda f: f.token(sub=..., client_id=...), AuthReason.CLAIMS),
    "sub empty": (lambda f: f.token(sub=""), AuthReason.CLAIMS),
    "sub a number": (lambda f: f.token(sub=0), AuthReason.CLAIMS),
    "client a list": (lambda f: f.token(client_id=["console"]), AuthReason.CLAIMS),
    "sub without end": (lambda f: f.token(sub="a" * 513), AuthReason.CLAIMS),
    "scope a list": (lambda f: f.token(scope=["verify:run"]), AuthReason.CLAIMS),
    "scope and scp": (lambda f: f.token(scp=["rollout:write"]), AuthReason.CLAIMS),
    "scp with a number": (lambda f: f.token(scope=..., scp=["verify:run", 1]), AuthReason.CLAIMS),
    "20 KB": (lambda f: f.token(padding="x" * 15_000), AuthReason.TOO_LARGE),
    "four parts": (lambda f: f.token() + b".x", AuthReason.MALFORMED),
    "two parts": (lambda f: f.token().rpartition(b".")[0], AuthReason.MALFORMED),
    "padding": (lambda f: f.token() + b"=", AuthReason.MALFORMED),
    "a line break": (lambda f: f.token() + b"\n", AuthReason.MALFORMED),
    "five parts, as if encrypted": (lambda _: b"e30.e30.e30.e30.e30", AuthReason.MALFORMED),
    "empty": (lambda _: b"", AuthReason.MALFORMED),
    "not ASCII": (lambda _: b"\xff.\xfe.\xfd", AuthReason.MALFORMED),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attack_is_refused(verifier: TokenVerifier, forge: Any, outcome: Any, attack: str) -> None:
    make, reason = ATTACKS[attack]
    token = make(forge)
    assert await outcome(verifier, token) is reason
    # Refused for good, not only the first time.
    assert await outcome(verifier, token) is reason
    assert len(verifier.cache) == 0


@pytest.mark.parametrize("exp", [float("inf"), float("-inf"), float("nan"), 2**60, -0.5, "1", True, None, [], {}])
def test_only_a_date_is_an_expiry(config: IssuerConfig, exp: Any) -> None:
    """Whatever reader stands in front of the claims."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": exp}
    with pytest.raises(AuthError) as denied:
        check_claims(claims, config, now_s=0)
    assert denied.value.reason is AuthReason.CLAIMS


def test_claims_are_held_to_the_issuer_whose_keys_were_used(config: IssuerConfig) -> None:
    """However the configuration was chosen."""
    claims = {"iss": "https://other.example", "aud": AUDIENCE, "sub": "a", "exp": 60}
    with pytest.raises(AuthError) as denied:
        check_claims(claims, config, now_s=0)
    assert denied.value.reason is AuthReason.ISSUER


def test_every_problem_of_a_jws_is_a_reason() -> None:
    """The label of the metric is a closed list, whichever layer found the fault."""
    assert {problem.value for problem in JwsProblem} <= {reason.value for reason in AuthReason}


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "verify:run"}, {Scope.VERIFY_RUN}),
        ({"scope": ..., "scp": ["verify:run", "rollout:write"]}, {Scope.VERIFY_RUN, Scope.ROLLOUT_WRITE}),
        ({"scope": ..., "scp": "verify:run"}, {Scope.VERIFY_RUN}),
        ({"scope": ...}, set()),
        ({"scope": ""}, set()),
        ({"scope": "VERIFY:RUN verify:run2 verify verify:run,"}, set()),
        ({"scope": "rollout:write\trollout:override"}, set()),
    ],
)
async def test_scopes_are_read_exactly(verifier: TokenVerifier, forge: Any, claims: Any, scopes: set[Scope]) -> None:
    assert (await verifier.verify(forge.token(**claims))).scopes == scopes


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
async def test_the_audience_may_be_one_of_several(verifier: TokenVerifier, forge: Any, aud: Any) -> None:
    assert (await verifier.verify(forge.token(aud=aud))).scopes


@pytest.mark.parametrize("typ", [..., "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
async def test_the_usual_types_are_accepted(verifier: TokenVerifier, forge: Any, typ: Any) -> None:
    assert (await verifier.verify(forge.token(header={"typ": typ}))).scopes


async def test_an_issuer_can_be_held_to_one_type_and_algorithm(forge: Any, clock: ManualClock, outcome: Any) -> None:
    strict = IssuerConfig(
        ISSUER,
        frozenset({AUDIENCE}),
        jwks=forge.jwks(),
        types=frozenset({"at+jwt"}),
        algorithms=frozenset({"ES256"}),
    )
    verifier = TokenVerifier([strict], clock=clock, pseudonymise=str)
    assert (await verifier.verify(forge.token("ES256"))).scopes
    assert await outcome(verifier, forge.token("ES256", header={"typ": "JWT"})) is AuthReason.TYPE
    assert await outcome(verifier, forge.token("RS256")) is AuthReason.ALGORITHM
    assert await outcome(verifier, forge.token("Ed25519")) is AuthReason.ALGORITHM


@pytest.mark.parametrize(("late_s", "accepted"), [(29.999, True), (30.0, False), (31.0, False)])
async def test_leeway_ends_where_it_says(
    forge: Any, outcome: Any, clock: ManualClock, late_s: float, accepted: bool
) -> None:
    config = IssuerConfig(ISSUER, frozenset({AUDIENCE}), jwks=forge.jwks(), leeway_s=30)
    verifier = TokenVerifier([config], clock=clock, pseudonymise=str)
    clock.advance(3600 + late_s)
    result = await outcome(verifier, forge.token())
    assert (result is AuthReason.EXPIRED) is not accepted


async def test_a_token_verified_before_is_refused_at_its_end(
    verifier: TokenVerifier, forge: Any, clock: ManualClock, outcome: Any
) -> None:
    """The cache does not keep a token alive."""
    token = forge.token()
    await verifier.verify(token)
    clock.advance(3600 + 30)
    assert await outcome(verifier, token) is AuthReason.EXPIRED


async def test_a_cached_token_is_the_whole_token(verifier: TokenVerifier, forge: Any, outcome: Any) -> None:
    token = forge.token()
    await verifier.verify(token)
    tampered = token[:-2] + (b"AA" if token[-2:] != b"AA" else b"BA")
    assert await outcome(verifier, tampered) in {AuthReason.SIGNATURE, AuthReason.MALFORMED}


@given(data=st.data())
@shared_fixtures
def test_no_mutation_of_a_token_is_accepted(verifier: TokenVerifier, forge: Any, data: st.DataObject) -> None:
    """Bytes flipped, cut, repeated or inserted anywhere: never accepted, and always an AuthError."""
    token = forge.token(data.draw(st.sampled_from(["RS256", "ES256", "EdDSA", "Ed25519"])))
    at = data.draw(st.integers(0, len(token) - 1))
    alphabet = st.sampled_from(b'ABCxyz019-_.=+/{}"\x00\xff')
    mutated = data.draw(
        st.sampled_from(
            [
                token[:at] + bytes([data.draw(alphabet)]) + token[at + 1 :],
                token[:at] + bytes([data.draw(alphabet)]) + token[at:],
                token[:at] + token[at + 1 :],
                token[:at],
                token[at:] + token[:at],
                token[:at] + token[at:] * 2,
            ]
        )
    )
    assume(mutated != token)
    with pytest.raises(AuthError):
        asyncio.run(verifier.verify(mutated))


@given(
    claims=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "client_id", "scope", "scp", "cnf"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5)
        | st.lists(st.text(max_size=3), max_size=2)
        | st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
        min_size=1,
        max_size=4,
    )
)
@shared_fixtures
def test_an_honest_issuer_with_odd_claims_never_breaks_the_verifier(
    verifier: TokenVerifier, forge: Any, claims: dict[str, Any]
) -> None:
    """Signed rubbish is accepted with fewer rights or denied with a reason of its own, and never as `internal`."""
    try:
        principal = asyncio.run(verifier.verify(forge.token(**claims)))
    except AuthError as error:
        assert error.reason is not AuthReason.INTERNAL  # noqa: PT017
    else:
        assert principal.expires_at.year <= 9999


async def test_whatever_goes_wrong_inside_is_a_denial(config: IssuerConfig, clock: ManualClock, forge: Any) -> None:
    def broken(name: str) -> str:
        raise ZeroDivisionError(name)

    verifier = TokenVerifier([config], clock=clock, pseudonymise=broken)
    headers = [(b"authorization", b"Bearer " + forge.token())]
    with pytest.raises(AuthError) as denied:
        await verifier.authenticate(headers, Scope.VERIFY_RUN)
    assert denied.value.reason is AuthReason.INTERNAL
    assert denied.value.status == 401
    assert "a-subject" not in f"{denied.value} {denied.value.hint} {denied.value.www_authenticate}"


async def test_a_denial_repeats_nothing_of_the_token(verifier: TokenVerifier, forge: Any) -> None:
    token = forge.token(header={"kid": "a-secret-kid"}, sub="a-subject")
    with pytest.raises(AuthError) as denied:
        await verifier.verify(token)
    said = f"{denied.value} {denied.value.hint} {denied.value.www_authenticate} {denied.value.args}"
    assert "a-subject" not in said
    assert token.decode()[:20] not in said


async def test_a_request_needs_the_scope(verifier: TokenVerifier, forge: Any) -> None:
    headers = [(b"host", b"x"), (b"authorization", b"Bearer " + forge.token())]
    assert Scope.ROLLOUT_READ in (await verifier.authenticate(headers, Scope.ROLLOUT_READ)).scopes
    with pytest.raises(AuthError) as denied:
        await verifier.authenticate(headers, Scope.ROLLOUT_WRITE)
    assert denied.value.status == 403
    assert denied.value.reason is AuthReason.SCOPE
    assert 'scope="rollout:write"' in (denied.value.www_authenticate or "")


async def test_a_signed_result_is_no_access_token(verifier: TokenVerifier, forge: Any, outcome: Any) -> None:
    """Not even under the issuer's own key: the type keeps the two apart."""
    claims = json.dumps({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": 1767229200}).encode()
    assert (
        await outcome(verifier, CompactSigner(KeySigner(forge.ed), typ="capctl-verify+jwt").compact(claims).encode())
        is AuthReason.TYPE
    )


@pytest.mark.parametrize("issuers", [0, 2])
def test_each_issuer_is_configured_once(config: IssuerConfig, clock: ManualClock, issuers: int) -> None:
    with pytest.raises(InvalidInput):
        TokenVerifier([config] * issuers, clock=clock, pseudonymise=str)


def test_a_url_needs_something_that_fetches(clock: ManualClock) -> None:
    config = IssuerConfig(ISSUER, frozenset({AUDIENCE}), jwks_url="https://idp.example/jwks")
    with pytest.raises(InvalidInput):
        TokenVerifier([config], clock=clock, pseudonymise=str)
