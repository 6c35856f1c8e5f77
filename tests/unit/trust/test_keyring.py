"""The keyring: what is believed, what never is, and what a rotation makes of it."""

from __future__ import annotations

import base64
import json
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.bootstrap import open_context
from engine.canonical import canonical_json
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.ids import hash_bytes
from engine.ops import keyring as keys
from engine.ports import ReplicaKeys
from engine.settings import Settings
from engine.trust import rotation, succession
from engine.trust.challenge import challenge
from engine.trust.custody import custody_of, open_signer
from engine.trust.dsse import seal, signed_by
from engine.trust.edwards import verifies
from engine.trust.high_water import NAME, HighWaterFile, Mark
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KEYRING_TYPE, LIFETIME, KeyEntry, Keyring, KeyStatus, Phase, read_keyring
from engine.trust.responding import RingSigner
from engine.trust.rotation_gates import Evidence, requirements
from engine.trust.signer import KeySigner

AT = datetime(2026, 1, 1, tzinfo=UTC)
RESPONSE = KeyPurpose.RESPONSE


def private(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def entry(number: int, purpose: KeyPurpose, status: KeyStatus = KeyStatus.ACTIVE) -> KeyEntry:
    raw = private(number).public_key().public_bytes_raw()
    return KeyEntry(purpose, raw, status, f"file:{purpose}.pem", not_before=AT, sign_from=AT)


RING = Keyring(1, "", AT, AT + LIFETIME, (entry(1, KeyPurpose.ROOT), entry(2, RESPONSE)))


def sealed(ring: Keyring, *numbers: int) -> bytes:
    return seal(KEYRING_TYPE, ring.payload(), [KeySigner(private(number)) for number in numbers or (1,)])


def challenger() -> str:
    """The key id of somebody else's root."""
    return entry(9, KeyPurpose.ROOT).kid


def following(before: bytes, **changes: Any) -> Keyring:
    return replace(RING, version=2, prev_sha3=hash_bytes(before), **changes)


class TestBelief:
    def test_a_version_is_followed_by_the_next_one_that_its_root_key_signed(self) -> None:
        first = sealed(RING)
        second = sealed(following(first))
        assert succession.successor(succession.first(first), second).ring.version == 2

    @pytest.mark.parametrize(
        ("second", "code"),
        [
            (lambda first: sealed(replace(following(first), version=3)), "keys.version_jump"),
            (
                lambda first: sealed(replace(following(first), version=3, prev_sha3=hash_bytes(b""))),
                "keys.version_jump",
            ),
            (lambda first: sealed(replace(following(first), prev_sha3=hash_bytes(b"another"))), "keys.not_continued"),
            (lambda first: sealed(following(first), 2), "trust.not_sealed"),
            (lambda first: sealed(following(first, keys=(entry(7, KeyPurpose.ROOT),)), 7), "trust.not_sealed"),
            (lambda first: sealed(following(first, keys=(entry(7, KeyPurpose.ROOT),)), 1), "trust.not_sealed"),
        ],
        ids=["jump", "jump with another past", "another past", "wrong key", "roots of its own", "not its own root"],
    )
    def test_what_does_not_follow_is_refused(self, second: Callable[[bytes], bytes], code: str) -> None:
        first = sealed(RING)
        with pytest.raises(Refused) as refused:
            succession.successor(succession.first(first), second(first))
        assert refused.value.code == code

    def test_it_begins_with_the_first_version(self) -> None:
        with pytest.raises(Refused) as refused:
            succession.first(sealed(following(b"")))
        assert refused.value.code == "keys.version_jump"

    def test_two_root_keys_must_sign_where_two_are_asked_for(self) -> None:
        ring = replace(RING, keys=(*RING.keys, entry(3, KeyPurpose.ROOT)), threshold=2)
        assert succession.first(sealed(ring, 1, 3)).ring == ring
        with pytest.raises(Refused):
            succession.first(sealed(ring, 1))

    def test_its_time_is_over_at_the_very_instant(self) -> None:
        succession.check_expiry(RING, RING.expires - timedelta(microseconds=1))
        with pytest.raises(Refused) as refused:
            succession.check_expiry(RING, RING.expires)
        assert refused.value.code == "keys.expired"


class TestReading:
    def test_it_reads_what_it_wrote(self) -> None:
        later = replace(RING.keys[1], verify_until=AT + timedelta(days=1))
        ring = rotation.prepare(RING.with_key(later), RESPONSE, entry(3, RESPONSE, KeyStatus.PREPARED), AT)
        assert read_keyring(ring.payload()) == ring

    def test_a_public_key_under_two_ids_is_refused(self) -> None:
        twice = replace(RING, keys=(*RING.keys, replace(RING.keys[1], purpose=KeyPurpose.BACKUP)))
        with pytest.raises(InvalidInput, match="twice"):
            read_keyring(twice.payload())

    @pytest.mark.parametrize(
        "raw", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, bytes.fromhex("ecff" + "ff" * 29 + "7f")]
    )
    def test_a_weak_point_is_refused(self, raw: bytes) -> None:
        weak = replace(RING, keys=(*RING.keys, replace(RING.keys[1], raw=raw, purpose=KeyPurpose.BACKUP)))
        with pytest.raises(Refused) as refused:
            read_keyring(weak.payload())
        assert refused.value.code == "trust.weak_key"

    @pytest.mark.parametrize(
        "change",
        [
            lambda ring: ring["keys"][1].update(kid=ring["keys"][0]["kid"]),
            lambda ring: ring["keys"][1].update(alg="RS256"),
            lambda ring: ring["keys"][1].update(extra=1),
            lambda ring: ring["keys"][1].update(pub=ring["keys"][1]["pub"] + "="),
            lambda ring: ring["keys"][1].pop("verify_until"),
            lambda ring: ring.update(version=0),
            lambda ring: ring.update(version=True),
            lambda ring: ring.update(threshold=0),
            lambda ring: ring.update(threshold=2),
            lambda ring: ring.update(expires="tomorrow"),
            lambda ring: ring.update(keyring="v2"),
            lambda ring: ring["keys"].append(ring["keys"][1] | {"purpose": "tokens"}),
        ],
    )
    def test_a_keyring_that_breaks_a_rule_is_refused(self, change: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads(RING.payload())
        change(document)
        with pytest.raises((InvalidInput, Refused)):
            read_keyring(canonical_json(document))

    @given(st.data())
    def test_no_changed_byte_is_believed(self, data: st.DataObject) -> None:
        first = sealed(RING)
        document = json.loads(first)
        payload = bytearray(base64.b64decode(document["payload"]))
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
        document["payload"] = base64.b64encode(payload).decode()
        with pytest.raises(EngineError):
            succession.first(canonical_json(document))


class TestRotationSteps:
    def ring(self) -> Keyring:
        return rotation.prepare(RING, RESPONSE, entry(3, RESPONSE, KeyStatus.PREPARED), AT)

    def statuses(self, ring: Keyring) -> list[str]:
        return [key.status.value for key in ring.of(RESPONSE)]

    def test_each_step_says_what_is_accepted(self) -> None:
        old, new = (private(number).public_key().public_bytes_raw() for number in (2, 3))
        ring = self.ring()
        accepted = [{key.raw for key in ring.accepted(RESPONSE, AT).values()}]
        for step in (rotation.dual_accept, rotation.switch):
            ring = step(ring, RESPONSE, AT)
            accepted.append({key.raw for key in ring.accepted(RESPONSE, AT).values()})
        ring = rotation.decommission(ring, RESPONSE, AT, AT)
        accepted.append({key.raw for key in ring.accepted(RESPONSE, AT).values()})
        assert accepted == [{old}, {old, new}, {old, new}, {new}]

    @given(st.lists(st.sampled_from(["prepare", "dual_accept", "switch", "decommission", "abort"]), max_size=12))
    def test_whatever_is_tried_one_key_signs_and_is_accepted(self, steps: list[str]) -> None:
        """No order of steps leaves a purpose without a key, or with two that sign."""
        ring, number = RING, 10
        for step in steps:
            number += 1
            arguments: dict[str, tuple[Any, ...]] = {
                "prepare": (entry(number, RESPONSE, KeyStatus.PREPARED), AT),
                "decommission": (AT, AT),
            }
            try:
                ring = getattr(rotation, step)(ring, RESPONSE, *arguments.get(step, (AT,)))
            except Held:
                continue
            ring = read_keyring(replace(ring, version=ring.version + 1, prev_sha3=hash_bytes(b"")).payload())
            [signing] = [key for key in ring.of(RESPONSE) if key.status is KeyStatus.ACTIVE]
            assert signing.accepts(AT)

    def test_what_was_switched_cannot_be_aborted(self) -> None:
        ring = rotation.switch(rotation.dual_accept(self.ring(), RESPONSE, AT), RESPONSE, AT)
        with pytest.raises(Held) as held:
            rotation.abort(ring, RESPONSE, AT)
        assert held.value.code == "keys.wrong_phase"

    def test_an_aborted_key_never_counts_again(self) -> None:
        ring = rotation.abort(rotation.dual_accept(self.ring(), RESPONSE, AT), RESPONSE, AT)
        assert self.statuses(ring) == ["active", "abandoned"]
        assert list(ring.accepted(RESPONSE, AT)) == [ring.keys[1].kid]

    def test_a_key_cannot_end_in_the_past(self) -> None:
        ring = rotation.switch(rotation.dual_accept(self.ring(), RESPONSE, AT), RESPONSE, AT)
        with pytest.raises(InvalidInput):
            rotation.decommission(ring, RESPONSE, AT, AT - timedelta(seconds=1))


class TestGates:
    def found(self, *replicas: tuple[str, int, float]) -> dict[str, bool]:
        ring = rotation.dual_accept(TestRotationSteps().ring(), RESPONSE, AT)
        now = AT + timedelta(hours=1)
        said = [ReplicaKeys(name, version, now - timedelta(seconds=age)) for name, version, age in replicas]
        wait = timedelta(minutes=6)
        evidence = Evidence(now, said, 0, 0, announce=wait, soak=wait)
        return {needed.code: needed.met for needed in requirements(ring, RESPONSE, evidence)}

    @pytest.mark.parametrize(
        ("replicas", "met"),
        [
            ([], False),
            ([("a", 2, 0)], True),
            ([("a", 2, 0), ("b", 1, 0)], False),
            ([("a", 2, 0), ("b", 2, 61)], False),
            ([("a", 2, 0), ("b", 1, 901)], True),
            ([("a", 1, 901)], False),
            ([("a", 2, -61)], False),
        ],
        ids=["none", "all", "one behind", "one silent", "one gone", "none left", "one from the future"],
    )
    def test_every_verifier_must_have_said_that_it_knows_the_key(
        self, replicas: list[tuple[str, int, float]], met: bool
    ) -> None:
        assert self.found(*replicas)["replicas"] is met


class TestChallenge:
    def test_another_library_checks_what_was_signed(self) -> None:
        challenge(KeySigner(private(1)), bytes)

    def test_a_key_that_signs_with_another_one_is_found(self) -> None:
        class Wrong(KeySigner):
            def sign(self, message: bytes) -> bytes:
                return private(2).sign(message)

        with pytest.raises(Refused) as refused:
            challenge(Wrong(private(1)), bytes)
        assert refused.value.code == "keys.challenge_failed"

    @given(st.binary(max_size=80), st.integers(0, 511))
    def test_both_libraries_agree_about_every_flipped_bit(self, message: bytes, bit: int) -> None:
        raw, signature = private(1).public_key().public_bytes_raw(), bytearray(private(1).sign(message))
        assert verifies(raw, bytes(signature), message)
        signature[bit // 8] ^= 1 << bit % 8
        assert not verifies(raw, bytes(signature), message)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def open_ctx(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., EngineContext]]:
    """Opens one environment again and again, as several processes would; the waits of a rotation are none."""
    opened: list[EngineContext] = []

    def open_one(env: str = "demo", *, root_kids: tuple[str, ...] = (), **environ: str) -> EngineContext:
        at_once = replace(Settings(), env=env, state_dir=tmp_path / "s", key_announce_s=0, key_soak_s=0)
        settings = replace(at_once, root_kids=root_kids)
        opened.append(open_context(settings, actor="oncall", clock=clock, environ=environ))
        return opened[-1]

    yield open_one
    for ctx in opened:
        ctx.close()


class TestCustody:
    def test_every_purpose_gets_a_key_of_its_own(self, open_ctx: Callable[..., EngineContext]) -> None:
        ctx = open_ctx()
        kids = {open_signer(ctx, purpose).public_key.kid for purpose in KeyPurpose if purpose is not KeyPurpose.TOKENS}
        assert len(kids) == 6
        assert open_signer(open_ctx(), KeyPurpose.ORR).public_key.kid in kids

    def test_production_makes_no_key_that_nobody_asked_for(self, open_ctx: Callable[..., EngineContext]) -> None:
        with pytest.raises(Held) as held:
            open_signer(open_ctx("prod"), KeyPurpose.BACKUP, {"CAPCTL_KEY_PASSPHRASE": "x"})
        assert held.value.code == "keys.not_initialised"

    def test_production_wants_encrypted_keys(self, open_ctx: Callable[..., EngineContext], tmp_path: Path) -> None:
        ctx = open_ctx("prod")
        with pytest.raises(Refused) as refused:
            custody_of(ctx, {}).enrol([KeyPurpose.BACKUP])
        assert refused.value.code == "trust.passphrase_required"
        assert not (tmp_path / "s" / "keys").exists()
        environ = {"CAPCTL_KEY_PASSPHRASE": "from the vault"}
        ctx = open_ctx("prod", **environ)
        custody_of(ctx, environ).enrol([KeyPurpose.BACKUP])
        assert b"ENCRYPTED" in (tmp_path / "s" / "keys" / "backup.pem").read_bytes()
        assert open_signer(ctx, KeyPurpose.BACKUP, environ).sign(b"m")

    def test_another_key_in_the_place_of_one_is_not_used(
        self, open_ctx: Callable[..., EngineContext], tmp_path: Path
    ) -> None:
        open_signer(open_ctx(), KeyPurpose.BACKUP)
        path = tmp_path / "s" / "keys"
        (path / "registry.pem").rename(path / "backup.pem")
        with pytest.raises(Refused) as refused:
            open_signer(open_ctx(), KeyPurpose.BACKUP)
        assert refused.value.code == "keys.other_key"

    @pytest.mark.parametrize("how", ["rotated", "revoked"])
    def test_a_key_that_was_opened_signs_nothing_once_somebody_else_has_ended_it(
        self, open_ctx: Callable[..., EngineContext], how: str
    ) -> None:
        """And it is let go: the private half of a file's key would stay in the memory of a process that runs on."""
        running, operator = custody_of(open_ctx()), open_ctx()
        entry = running.enrol([KeyPurpose.ORR]).signing(KeyPurpose.ORR)
        assert entry is not None
        kept = weakref.ref(running.signer(KeyPurpose.ORR))
        assert kept() is running.signer(KeyPurpose.ORR), "it is opened once"
        if how == "revoked":
            keys.revoke(operator, entry.kid, "compromised")
        else:
            keys.prepare(operator, "orr")
            keys.dual_accept(operator, "orr")
            keys.switch(operator, "orr")
        successor = running.signer(KeyPurpose.ORR).public_key.kid
        assert successor == keys.status(operator, "orr").signing_kid != entry.kid
        assert kept() is None
        ring = running.keyring()
        ended = ring.key(entry.kid) if ring else None
        assert ended is not None
        with pytest.raises(Refused) as refused:
            running.open(ended)
        assert refused.value.code == "keys.signs_no_longer"

    def test_a_dry_run_makes_no_keys(self, open_ctx: Callable[..., EngineContext], tmp_path: Path) -> None:
        ctx = open_ctx()
        with ctx.store.rehearsal():
            furnish(ctx)
            with pytest.raises(Held):
                open_signer(ctx, KeyPurpose.BACKUP)
        assert not (tmp_path / "s" / "keys").exists()

    def test_an_older_registry_is_not_believed(self, open_ctx: Callable[..., EngineContext]) -> None:
        ctx = open_ctx()
        keys.initialise(ctx, None)
        ctx.store.close()
        path = ctx.settings.store_path
        older = path.read_bytes()
        keys.renew(ctx)
        ctx.store.close()
        path.write_bytes(older)
        for late in (ctx, open_ctx()):
            with pytest.raises(Refused) as refused:
                open_signer(late, RESPONSE)
            assert refused.value.code == "keys.rolled_back"

    def test_a_registry_with_another_root_is_not_believed_where_ours_was_noted(
        self, open_ctx: Callable[..., EngineContext]
    ) -> None:
        """Not even on first sight, where nothing else tells it from ours: neither with its keys nor for its entries."""
        ctx = open_ctx()
        furnish(ctx)
        [root] = [key.kid for key in keys.initialise(ctx, None).keys if key.purpose == "root"]
        for noted in ([root], [challenger(), root]):
            assert open_signer(open_ctx(root_kids=tuple(noted)), RESPONSE).sign(b"m")
        late = open_ctx(root_kids=(challenger(),))
        with pytest.raises(Refused) as refused:
            open_signer(late, RESPONSE)
        assert refused.value.code == "keys.other_root"
        assert root in refused.value.message
        with pytest.raises(Refused) as not_signed:
            late.store.policy("lksg.v1")
        assert not_signed.value.code == "registry.not_signed"

    def test_where_a_root_was_noted_no_other_is_made(self, open_ctx: Callable[..., EngineContext]) -> None:
        """A keyring that nobody here would believe is not begun."""
        ctx = open_ctx(root_kids=(challenger(),))
        with pytest.raises(Refused) as refused:
            keys.initialise(ctx, None)
        assert refused.value.code == "keys.other_root"
        assert ctx.store.keyrings() == []
        assert open_signer(open_ctx(), RESPONSE).sign(b"m"), "and nothing stands in the way of the right one"

    @pytest.mark.parametrize("failure", [Refused, NotFound, Unavailable])
    def test_a_key_that_does_not_sign_is_no_answer_to_whoever_asks_for_a_verdict(
        self,
        open_ctx: Callable[..., EngineContext],
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
        failure: type[EngineError],
    ) -> None:
        """Somebody else's no is no 403 of ours, and a key that is gone no 404."""
        ctx = open_ctx()
        keys.initialise(ctx, None)

        def fail(*_: object) -> bytes:
            raise failure("keys.vault_denied", "Vault does not let us")

        monkeypatch.setattr(KeySigner, "sign", fail)
        with pytest.raises(Unavailable) as raised:
            RingSigner.open(custody_of(ctx), clock).sign({"verdict": "pass"})
        assert type(raised.value) is Unavailable

    def test_an_expired_keyring_is_refused_and_can_be_renewed(
        self, open_ctx: Callable[..., EngineContext], clock: ManualClock
    ) -> None:
        ctx = open_ctx()
        keys.initialise(ctx, None)
        clock.advance(LIFETIME.total_seconds())
        with pytest.raises(Refused) as refused:
            open_signer(ctx, RESPONSE)
        assert refused.value.code == "keys.expired"
        keys.renew(ctx)
        assert open_signer(ctx, RESPONSE).sign(b"m")

    def test_a_clock_set_back_revives_no_key_in_any_process(
        self, open_ctx: Callable[..., EngineContext], clock: ManualClock
    ) -> None:
        ctx = open_ctx()
        keys.initialise(ctx, "orr")
        old = open_signer(ctx, KeyPurpose.ORR).public_key.kid
        keys.prepare(ctx, "orr", "file")
        keys.dual_accept(ctx, "orr")
        keys.switch(ctx, "orr")
        keys.decommission(ctx, "orr", "2026-01-01T00:00:10Z")
        assert old in custody_of(open_ctx()).accepted(KeyPurpose.ORR)
        clock.advance(10)
        assert old not in custody_of(open_ctx()).accepted(KeyPurpose.ORR)
        clock.advance(-10)
        assert old not in custody_of(open_ctx()).accepted(KeyPurpose.ORR)


class TestOperators:
    def test_the_second_of_two_is_told_and_leaves_nothing(
        self, open_ctx: Callable[..., EngineContext], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both look, both make a key; one keyring wins, and the other's key is gone again."""
        one, two = open_ctx(), open_ctx()
        keys.initialise(one, "orr")
        make = rotation.prepare

        def meanwhile(*arguments: Any) -> Keyring:
            monkeypatch.setattr(rotation, "prepare", make)
            keys.prepare(one, "orr", "file")
            return make(*arguments)

        monkeypatch.setattr(rotation, "prepare", meanwhile)
        with pytest.raises(Conflict) as conflict:
            keys.prepare(two, "orr", "file")
        assert conflict.value.code == "keys.revision_conflict"
        assert keys.list_keys(two).orphans == ()
        assert keys.status(two, "orr").phase == Phase.PREPARED

    def test_a_key_that_nobody_named_is_listed_and_never_taken_up(self, open_ctx: Callable[..., EngineContext]) -> None:
        ctx = open_ctx()
        keys.initialise(ctx, "orr")
        ref, stray = custody_of(ctx).backend("file:").make(KeyPurpose.ORR)
        assert keys.list_keys(ctx).orphans == (ref,)
        keys.prepare(ctx, "orr", "file")
        assert stray.public_key.kid not in {key.kid for key in keys.list_keys(ctx).keys}

    def test_decommission_waits_for_every_entry(
        self, open_ctx: Callable[..., EngineContext], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody died after the switch: what is left is signed by taking the step again."""
        ctx = open_ctx()
        furnish(ctx)
        keys.prepare(ctx, "registry", "file")
        keys.dual_accept(ctx, "registry")
        with monkeypatch.context() as dying:
            dying.setattr("engine.trust.rotating.Rotations._sign_again", lambda _: None)
            left = keys.switch(ctx, "registry").entries_left
        assert left == len(ctx.store.signed_entries())
        with pytest.raises(Held, match="signed every policy"):
            keys.decommission(ctx, "registry", "")
        assert keys.switch(ctx, "registry").entries_left == 0
        keys.decommission(ctx, "registry", "")
        assert all(len(signed_by(entry.envelope, entry.kind)) == 2 for entry in ctx.store.signed_entries())
        assert open_ctx().store.policy("lksg.v1").policy_id == "lksg.v1"

    def test_the_old_private_key_is_destroyed(self, open_ctx: Callable[..., EngineContext], tmp_path: Path) -> None:
        ctx = open_ctx()
        keys.initialise(ctx, "orr")
        keys.prepare(ctx, "orr", "file")
        keys.dual_accept(ctx, "orr")
        keys.switch(ctx, "orr")
        assert (tmp_path / "s" / "keys" / "orr.pem").exists()
        keys.decommission(ctx, "orr", "")
        assert not (tmp_path / "s" / "keys" / "orr.pem").exists()


class TestMark:
    def test_it_only_rises(self, tmp_path: Path) -> None:
        file = HighWaterFile(tmp_path / "second")
        assert file.read() is None
        later = AT + timedelta(days=1)
        file.rise(Mark(2, hash_bytes(b"2"), AT))
        file.rise(Mark(1, hash_bytes(b"1"), later))
        assert file.read() == Mark(2, hash_bytes(b"2"), later)

    @pytest.mark.parametrize("content", [b"", b"{}", b'{"version":1}', b"x" * 5000])
    def test_what_is_no_mark_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / NAME).write_bytes(content)
        (tmp_path / NAME).chmod(0o600)
        with pytest.raises(Refused) as refused:
            HighWaterFile(tmp_path).read()
        assert refused.value.code == "keys.mark_damaged"

    def test_a_mark_that_others_can_write_is_refused(self, tmp_path: Path) -> None:
        HighWaterFile(tmp_path).rise(Mark(1, hash_bytes(b"1"), AT))
        (tmp_path / NAME).chmod(0o666)
        with pytest.raises(Refused) as refused:
            HighWaterFile(tmp_path).read()
        assert refused.value.code == "keys.mark_exposed"
