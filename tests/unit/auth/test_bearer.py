"""The Authorization header, and what a client is told."""

from __future__ import annotations

import pickle

import pytest

from engine.verifier.auth import AuthError, AuthReason, Scope
from engine.verifier.auth.bearer import bearer_token


@pytest.mark.parametrize("value", [b"Bearer abc.def", b"bearer abc.def", b"BEARER   abc.def"])
def test_the_scheme_is_read_in_any_case(value: bytes) -> None:
    assert bearer_token([(b"host", b"x"), (b"authorization", value)]) == b"abc.def"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer a b",
        b"Basic abc",
        b"Bearera",
        b"Bearer\ta",
        b" Bearer a",
        b"Bearer a,b",
        b"Bearer \xff",
        b"Bearer a\r\nx: y",
        b"Bearer =a",
    ],
)
def test_a_malformed_header_is_a_bad_request(value: bytes) -> None:
    with pytest.raises(AuthError) as denied:
        bearer_token([(b"authorization", value)])
    assert (denied.value.reason, denied.value.status) == (AuthReason.BAD_REQUEST, 400)


def test_two_headers_are_a_bad_request() -> None:
    """A proxy and the service could each believe another one."""
    with pytest.raises(AuthError) as denied:
        bearer_token([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer a")])
    assert denied.value.reason is AuthReason.BAD_REQUEST


def test_no_token_is_challenged_without_an_error() -> None:
    """RFC 6750, section 3.1: without a token the challenge carries no error code."""
    with pytest.raises(AuthError) as denied:
        bearer_token([])
    assert denied.value.www_authenticate == 'Bearer realm="capctl"'
    assert denied.value.status == 401


@pytest.mark.parametrize("reason", AuthReason)
def test_every_reason_has_a_well_formed_answer(reason: AuthReason) -> None:
    error = AuthError(reason)
    assert error.status in {400, 401, 403, 503}
    assert error.message
    assert error.hint
    challenge = error.www_authenticate
    assert (challenge is None) == (error.status == 503)
    assert challenge is None or (challenge.isascii() and challenge.count('"') % 2 == 0 and "\n" not in challenge)


@pytest.mark.parametrize(
    ("reason", "error", "description"),
    [
        (AuthReason.SIGNATURE, "invalid_token", "The access token is not accepted"),
        (AuthReason.EXPIRED, "invalid_token", "The access token has expired"),
        (AuthReason.BAD_REQUEST, "invalid_request", "The Authorization header is malformed"),
    ],
)
def test_the_challenge_is_rfc_6750s(reason: AuthReason, error: str, description: str) -> None:
    expected = f'Bearer realm="capctl", error="{error}", error_description="{description}"'
    assert AuthError(reason).www_authenticate == expected


def test_forgeries_are_not_told_apart() -> None:
    """Whoever probes with forged tokens learns one thing: no."""
    forged = [
        AuthReason.SIGNATURE,
        AuthReason.KID_UNKNOWN,
        AuthReason.ALGORITHM,
        AuthReason.HEADER,
        AuthReason.INTERNAL,
    ]
    assert len({(e.code, e.message, e.hint, e.www_authenticate) for e in map(AuthError, forged)}) == 1


def test_a_denial_survives_a_process_boundary() -> None:
    copy = pickle.loads(pickle.dumps(AuthError(AuthReason.SCOPE, Scope.VERIFY_RUN)))
    assert (copy.reason, copy.scope, copy.status) == (AuthReason.SCOPE, Scope.VERIFY_RUN, 403)
