"""What every place for private keys promises, tried on each.

They are files, a SoftHSM token, OpenBao, and an AWS KMS behind botocore's Stubber. What only one of them can do or
suffer stands in its own tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Unavailable
from engine.ops import keyring as keys
from engine.ops.keys import PLACES
from engine.settings import KEY_BACKENDS, Settings
from engine.trust.backend import FILE_SCHEME, KeyBackend
from engine.trust.backends import BACKENDS, make_backend
from engine.trust.challenge import challenge
from engine.trust.custody import INITIAL, Custody, custody_of
from engine.trust.dsse import signed_by
from engine.trust.edwards import verifies
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import Keyring, Phase
from tests.contract.signers.places import Place

RESPONSE = KeyPurpose.RESPONSE
ELSEWHERE = sorted(BACKENDS)
"""The places that are not files."""
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


@pytest.fixture
def usual(place: Place) -> Settings:
    """New keys are made there when nobody says where."""
    return replace(place.settings, key_backend=place.scheme)


def scheme_of(ctx: EngineContext, kid: str) -> str:
    return next(key.backend_ref for key in keys.list_keys(ctx).keys if key.kid == kid).partition(":")[0]


def test_the_first_keys_lie_where_the_setting_says(place: Place, usual: Settings) -> None:
    """All but the checkpoints' key, which is a file, and those that the place cannot sign with."""
    with open_context(usual, actor="oncall") as ctx:
        furnish(ctx)
        listed = keys.initialise(ctx, None)
        lies = {KeyPurpose(key.purpose): key.backend_ref.partition(":")[0] for key in listed.keys}
        kept_there = custody_of(ctx).backend(f"{place.scheme}:").purposes
    assert set(lies) == {KeyPurpose.ROOT, *INITIAL}
    assert lies == {purpose: place.scheme if purpose in kept_there else "file" for purpose in lies}
    assert lies[KeyPurpose.CHECKPOINT] == "file"
    with open_context(usual, actor="oncall") as ctx:
        assert ctx.store.policy("lksg.v1").policy_id == "lksg.v1"
        assert keys.renew(ctx).version == listed.version + 1


def test_later_keys_lie_where_the_setting_says_if_no_place_is_named(place: Place, usual: Settings) -> None:
    with open_context(usual, actor="oncall") as ctx:
        revoked = keys.status(ctx, "response").signing_kid if keys.initialise(ctx, None) else ""
        successor = keys.revoke(ctx, revoked, "compromised").signing_kid
        prepared = keys.prepare(ctx, "registry").new_kid
        named = keys.prepare(ctx, "response", "file").new_kid
        assert [scheme_of(ctx, kid) for kid in (successor, prepared, named)] == [place.scheme, place.scheme, "file"]


def test_keys_that_came_into_no_keyring_are_gone_again(usual: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes begin at once: the keyring of one wins, and only its keys are left."""
    with open_context(usual, actor="oncall") as one, open_context(usual, actor="second") as two:
        commit = Custody.commit

        def meanwhile(custody: Custody, ring: Keyring, action: str) -> Keyring:
            monkeypatch.setattr(Custody, "commit", commit)
            keys.initialise(one, None)
            return commit(custody, ring, action)

        monkeypatch.setattr(Custody, "commit", meanwhile)
        with pytest.raises(Conflict):
            keys.initialise(two, "backup")
        for ctx in (one, two):
            assert keys.list_keys(ctx, everywhere=True).orphans == ()
            assert custody_of(ctx).signer(KeyPurpose.REGISTRY).sign(b"m")


@pytest.mark.parametrize("place", ELSEWHERE, indirect=True)
def test_a_place_that_fails_half_way_leaves_no_keyring_and_no_key(
    usual: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_context(usual, actor="oncall") as ctx:
        with monkeypatch.context() as failing:
            failing.setattr("engine.trust.custody.challenge", fail_at(2))
            with pytest.raises(Unavailable):
                keys.initialise(ctx, None)
        listed = keys.list_keys(ctx, everywhere=True)
        assert (listed.version, listed.orphans, listed.unasked) == (0, (), ())
        assert keys.initialise(ctx, None).version == 1


def fail_at(count: int) -> Callable[..., object]:
    """Does nothing until it is called for the so-manieth time."""
    calls = iter(range(1, count))

    def call(*_: object, **__: object) -> None:
        if next(calls, None) is None:
            raise Unavailable("keys.away", "It is away", "Wait.")

    return call


@pytest.mark.parametrize("place", ELSEWHERE, indirect=True)
def test_a_key_is_not_revoked_without_a_successor_and_can_be_with_one_in_a_file(
    usual: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoking waits for nothing, not even for the place where keys are usually made."""
    with open_context(usual, actor="oncall") as ctx:
        keys.initialise(ctx, None)
        revoked = keys.status(ctx, "response").signing_kid
        with monkeypatch.context() as failing:
            failing.setattr("engine.trust.custody.challenge", fail_at(1))
            with pytest.raises(Unavailable, match="Nothing is revoked") as told:
                keys.revoke(ctx, revoked, "compromised")
        assert "CAPCTL_KEY_BACKEND=file" in told.value.hint
        assert keys.status(ctx, "response").signing_kid == revoked
        assert keys.list_keys(ctx, everywhere=True).orphans == ()
    with open_context(replace(usual, key_backend="file"), actor="oncall") as ctx:
        assert scheme_of(ctx, keys.revoke(ctx, revoked, "compromised").signing_kid) == "file"


@contextmanager
def never_destroying(backend: KeyBackend) -> Iterator[None]:
    """Everything can be done there but destroying a key."""

    def refuse(*_: object) -> None:
        raise Unavailable("keys.away", "It is away", "Wait.")

    with pytest.MonkeyPatch.context() as away:
        away.setattr(type(backend), "destroy", refuse)
        yield


def until_dual(ctx: EngineContext) -> None:
    keys.prepare(ctx, "registry")
    keys.dual_accept(ctx, "registry")


def until_switched(ctx: EngineContext) -> None:
    until_dual(ctx)
    keys.switch(ctx, "registry")


ENDS: dict[str, tuple[Callable[[EngineContext], object], Callable[[EngineContext, str], object]]] = {
    "abort": (until_dual, lambda ctx, _: keys.abort(ctx, "registry")),
    "decommission": (until_switched, lambda ctx, _: keys.decommission(ctx, "registry", "")),
    "revoke": (lambda _: None, lambda ctx, kid: keys.revoke(ctx, kid, "compromised")),
}
"""What goes before a step that ends a key, and the step; it is given the key that signed first."""


@pytest.mark.parametrize("step", ENDS)
def test_a_key_that_could_not_be_destroyed_is_told_and_listed_until_the_step_is_taken_again(
    usual: Settings, place: Place, step: str
) -> None:
    """It counts no longer at once, whether the place can be reached or not."""
    begin, end = ENDS[step]
    with open_context(usual, actor="oncall") as ctx:
        keys.initialise(ctx, None)
        first = keys.status(ctx, "registry").signing_kid
        begin(ctx)
        backend = custody_of(ctx).backend(f"{place.scheme}:")
        with never_destroying(backend), pytest.raises(Unavailable, match="could not be destroyed: It is away") as told:
            end(ctx, first)
        assert step in told.value.hint
        listed = keys.list_keys(ctx, everywhere=True)
        (ref,) = listed.undestroyed
        (ended,) = [key for key in listed.keys if key.backend_ref == ref]
        assert (ended.accepted, ended.signs, listed.orphans) == (False, False, ())
        version = listed.version
        end(ctx, first)
        listed = keys.list_keys(ctx, everywhere=True)
        assert (listed.undestroyed, listed.orphans, listed.version) == ((), (), version)
        assert ref not in backend.refs()
        with pytest.raises(EngineError, match=r"is (aborted|decommissioned)|No key of that id"):
            end(ctx, first)
        assert custody_of(ctx).signer(KeyPurpose.REGISTRY).sign(b"m")


def test_what_somebody_died_over_is_destroyed_with_the_end_of_the_next_rotation(usual: Settings, place: Place) -> None:
    with open_context(usual, actor="oncall") as ctx:
        keys.initialise(ctx, None)
        backend = custody_of(ctx).backend(f"{place.scheme}:")
        until_dual(ctx)
        with never_destroying(backend), pytest.raises(Unavailable):
            keys.abort(ctx, "registry")
        until_switched(ctx)
        assert len(keys.list_keys(ctx, everywhere=True).undestroyed) == 1
        keys.decommission(ctx, "registry", "")
        assert keys.list_keys(ctx, everywhere=True).undestroyed == ()


def test_revoking_destroys_the_key_of_a_rotation_that_ends_with_it_too(usual: Settings, place: Place) -> None:
    """The old key, still accepted until its end, is revoked while its successor's successor is under way."""
    with open_context(usual, actor="oncall") as ctx:
        keys.initialise(ctx, None)
        first = keys.status(ctx, "registry").signing_kid
        until_switched(ctx)
        keys.decommission(ctx, "registry", "2999-01-01T00:00:00Z")
        until_dual(ctx)
        keys.revoke(ctx, first, "compromised")
        (signing,) = [key for key in keys.list_keys(ctx).keys if key.purpose == "registry" and key.signs]
        lying = custody_of(ctx).backend(f"{place.scheme}:").refs()
        listed = {key.backend_ref for key in keys.list_keys(ctx).keys if key.purpose == "registry"}
        assert [ref for ref in lying if ref in listed] == [signing.backend_ref]


def test_every_place_can_be_named_on_the_command_line_and_in_the_settings() -> None:
    assert set(PLACES) == set(KEY_BACKENDS) == {FILE_SCHEME, *BACKENDS}


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
