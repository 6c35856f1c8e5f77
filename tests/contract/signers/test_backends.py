"""What every place for private keys promises, tried on each.

They are files, a SoftHSM token, OpenBao, and an AWS KMS behind botocore's Stubber. What only one of them can do or
suffer stands in its own tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.errors import InvalidInput, NotFound, Unavailable
from engine.ops import keyring as keys
from engine.settings import Settings
from engine.trust.backend import KeyBackend
from engine.trust.backends import BACKENDS, make_backend
from engine.trust.challenge import challenge
from engine.trust.custody import custody_of
from engine.trust.dsse import signed_by
from engine.trust.edwards import verifies
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import Phase
from tests.contract.signers.places import Place

RESPONSE = KeyPurpose.RESPONSE
OpenContext = Callable[[], EngineContext]


@pytest.fixture
def open_ctx(place: Place) -> Iterator[OpenContext]:
    """Opens the environment again and again, as one process after the other would."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    opened: list[EngineContext] = []

    def open_one() -> EngineContext:
        opened.append(open_context(place.settings, actor="oncall", clock=clock))
        return opened[-1]

    yield open_one
    for ctx in opened:
        ctx.close()


@pytest.fixture
def open_backend(place: Place, open_ctx: OpenContext) -> Callable[[], KeyBackend]:
    return lambda: custody_of(open_ctx()).backend(f"{place.scheme}:")


@pytest.fixture
def backend(open_backend: Callable[[], KeyBackend]) -> KeyBackend:
    return open_backend()


def test_what_is_signed_there_two_libraries_accept(backend: KeyBackend) -> None:
    _, signer = backend.make(RESPONSE)
    challenge(signer, bytes)
    for length in (1, 2, 3, 63, 64, 65, 1023, 4095, 4096):
        message = bytes(number % 251 for number in range(length))
        signature = signer.sign(message)
        assert len(signature) == 64
        assert signer.public_key.verifies(signature, message)
        assert verifies(signer.public_key.raw, signature, message)
        assert not signer.public_key.verifies(signature, message + b"x")


def test_another_process_opens_the_very_key_by_its_reference(
    place: Place, open_backend: Callable[[], KeyBackend]
) -> None:
    ref, signer = open_backend().make(RESPONSE)
    again = open_backend().open(ref)
    assert ref.startswith(f"{place.scheme}:")
    assert again.public_key == signer.public_key
    assert again.sign(b"m") == signer.sign(b"m"), "Ed25519 is deterministic (RFC 8032)"


def test_every_key_is_another_one_and_is_listed(place: Place, backend: KeyBackend) -> None:
    made = [backend.make(purpose) for purpose in (*place.purposes[:2], place.purposes[0])]
    assert len({signer.public_key.kid for _, signer in made}) == 3
    assert {ref for ref, _ in made} <= set(backend.refs())
    assert len(set(backend.refs())) == len(backend.refs())


def test_a_destroyed_key_is_gone_and_the_others_stay(
    backend: KeyBackend, open_backend: Callable[[], KeyBackend]
) -> None:
    ref, _ = backend.make(RESPONSE)
    kept, keeper = backend.make(RESPONSE)
    for _ in range(2):
        backend.destroy(ref)
        for asked in (backend, open_backend()):
            assert ref not in asked.refs()
            with pytest.raises(NotFound) as missing:
                asked.open(ref)
            assert missing.value.hint
    assert backend.open(kept).sign(b"m") == keeper.sign(b"m")


def test_a_key_that_never_was_is_not_found_and_may_be_destroyed(place: Place, backend: KeyBackend) -> None:
    with pytest.raises(NotFound):
        backend.open(place.missing)
    backend.destroy(place.missing)


@pytest.mark.parametrize("tail", ["", "x", "../../etc/passwd", "a/b?c#d", "response.pem\n", "\u202e", "a" * 5000])
def test_a_reference_of_no_such_spelling_is_refused(place: Place, backend: KeyBackend, tail: str) -> None:
    for use in (backend.open, backend.destroy):
        with pytest.raises(InvalidInput) as refused:
            use(f"{place.scheme}:{tail}")
        assert refused.value.code == "keys.malformed_ref"


def test_threads_share_a_signer(backend: KeyBackend) -> None:
    _, signer = backend.make(RESPONSE)
    messages = [f"message {number}".encode() for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(signer.sign, messages))
    assert all(signer.public_key.verifies(*pair) for pair in zip(signatures, messages, strict=True))


def test_the_registry_moves_there_and_is_signed_there(place: Place, open_ctx: OpenContext) -> None:
    """A rotation from a file, while everything stays readable; and new statements are signed there alone."""
    ctx = open_ctx()
    furnish(ctx)
    keys.prepare(ctx, "registry", place.scheme)
    for step in (keys.dual_accept, keys.switch):
        step(ctx, "registry")
        assert open_ctx().store.policy("lksg.v1").policy_id == "lksg.v1"
    keys.decommission(ctx, "registry", "")
    status = keys.status(open_ctx(), "registry")
    assert (status.phase, status.entries_left) == (Phase.DECOMMISSIONED, 0)
    (new,) = [key for key in keys.list_keys(ctx).keys if key.kid == status.signing_kid]
    assert new.backend_ref.startswith(f"{place.scheme}:")
    assert {signed_by(entry.envelope, entry.kind)[-1] for entry in ctx.store.signed_entries()} == {new.kid}


def test_a_key_that_nobody_named_is_listed_wherever_it_lies(place: Place, open_ctx: OpenContext) -> None:
    ctx = open_ctx()
    keys.initialise(ctx, None)
    keys.prepare(ctx, "response", place.scheme)
    ref, _ = custody_of(ctx).backend(f"{place.scheme}:").make(RESPONSE)
    listed = keys.list_keys(ctx, everywhere=True)
    assert (listed.orphans, listed.unasked) == ((ref,), ())


def test_a_scheme_that_nobody_knows_and_a_package_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InvalidInput, match="no back end") as unknown:
        make_backend("nosuch", Settings(), environ={}, random_bytes=bytes)
    assert "file" in unknown.value.hint
    monkeypatch.setattr("engine.trust.backends.find_spec", lambda _: None)
    for scheme in BACKENDS:
        with pytest.raises(Unavailable) as missing:
            make_backend(scheme, Settings(), environ={}, random_bytes=bytes)
        assert "pip install 'capctl[" in missing.value.hint
