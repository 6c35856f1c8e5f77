"""Checkpoints are made in time, lie in their second place, and are refused to a trail that was rewritten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import AuditEvent, read_checkpoint
from engine.clock import ManualClock
from engine.errors import Refused, Unavailable
from engine.registry import SqliteStore
from engine.trust.checkpoint_file import KEYS_NAME, NOTES_NAME, CheckpointFile
from engine.trust.checkpointing import (
    LONGEST_WAIT,
    MOST_RECORDS,
    RETRY_S,
    CheckpointWitness,
    begin_anew,
    make_checkpoint,
)
from engine.trust.notes import open_note, unverified_text
from tests.samples.stored import make_event, make_sample

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def no_key() -> Ed25519PrivateKey:
    """A process that has no access to the key: what it records, it cannot sign."""
    raise Refused("trust.key_not_opened", "no key", "")


class World:
    """A registry with its second place, and a clock that moves when told to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "capctl.sqlite"
        self.folder = folder / "elsewhere"
        self.clock = ManualClock()
        self.file = CheckpointFile(self.folder)
        self.open_key: Callable[[], Ed25519PrivateKey] = lambda: KEY
        self.stores: list[SqliteStore] = []
        self.store = self.open()

    def open(self) -> SqliteStore:
        """The same registry once more, as another process would open it."""

        def open_witness(trail: object) -> CheckpointWitness:
            return CheckpointWitness(self.stores[-1], self.file, lambda: self.open_key(), self.clock)  # noqa: PLW0108 - looked up anew

        self.stores.append(SqliteStore(self.path, self.clock, open_witness=open_witness, random_bytes=bytes))
        return self.stores[-1]

    def record(self, count: int = 1) -> None:
        for _ in range(count):
            self.store.append_audit(make_event("rollout.set"), at=self.clock.now())

    def sign(self) -> str | None:
        return make_checkpoint(self.store, self.file, self.open_key)

    def sizes(self) -> list[int]:
        return [read_checkpoint(unverified_text(note)).size for note in self.file.read().notes]

    def tamper(self, *statements: str) -> None:
        """What somebody does who has the file and knows its tables."""
        self.store.close()
        connection = sqlite3.connect(self.path)
        for event in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_keeps_every_row_{event}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for store in made.stores:
        store.close()


def test_a_checkpoint_is_made_after_so_many_records(world: World) -> None:
    world.record(MOST_RECORDS - 1)
    assert world.sizes() == []
    world.record()
    assert world.sizes() == [MOST_RECORDS]
    world.record(MOST_RECORDS)
    assert world.sizes() == [MOST_RECORDS, 2 * MOST_RECORDS]


def test_a_checkpoint_is_made_when_a_record_has_waited(world: World) -> None:
    """Also when it is the report of a verifier that comes by, and nothing is recorded any more."""
    world.record()
    world.clock.advance(LONGEST_WAIT.total_seconds() - 1)
    world.store.report_evidence([make_sample()])
    assert world.sizes() == []
    world.clock.advance(1)
    world.store.report_evidence([make_sample()])
    assert world.sizes() == [1]
    world.clock.advance(10 * LONGEST_WAIT.total_seconds())
    world.store.report_evidence([make_sample()])
    assert world.sizes() == [1]


def test_a_process_that_ends_leaves_nothing_unsigned(world: World) -> None:
    world.record(3)
    world.store.close()
    assert world.sizes() == [3]


def test_a_rehearsal_is_never_signed(world: World) -> None:
    """What it records is undone: a signature over it would make the true trail look rewritten."""
    world.record()
    with world.store.rehearsal():
        world.record(MOST_RECORDS)
    world.store.close()
    assert world.sizes() == [1]


def test_the_checkpoint_is_signed_and_private(world: World) -> None:
    world.record()
    note = world.sign()
    assert note is not None
    [key] = world.file.keys()
    checkpoint = read_checkpoint(open_note(note, [key]))
    state = world.store.audit_state()
    assert checkpoint == (state.origin, 1, state.tree.root())
    assert (world.file.last(), state.checkpoint, state.covered) == (note, note, state.tree)
    assert [oct(path.stat().st_mode & 0o777) for path in sorted(world.folder.iterdir())] == ["0o600", "0o600"]


def test_signing_again_adds_nothing(world: World) -> None:
    world.record()
    assert world.sign() == world.sign()
    assert world.sizes() == [1]


def test_nothing_recorded_is_nothing_signed(world: World) -> None:
    assert world.sign() is None


def test_two_processes_take_turns(world: World) -> None:
    first = world.store
    world.record()
    world.store = world.open()
    world.record(MOST_RECORDS - 1)
    first.append_audit(make_event(), at=world.clock.now())
    assert world.sizes() == [MOST_RECORDS]


def test_while_another_process_signs_nobody_waits(world: World) -> None:
    world.record()
    with CheckpointFile(world.folder).alone() as is_alone:
        assert is_alone
        assert world.sign() is None
    assert world.sign() is not None


def test_what_was_signed_before_a_crash_is_remembered_after_it(world: World) -> None:
    """Killed after the second place was written and before the registry heard of it."""
    world.record(2)
    state = world.store.audit_state()
    world.sign()
    world.tamper("DELETE FROM meta WHERE name LIKE 'audit_checkpoint%'")
    world.store = world.open()
    assert world.store.audit_state().checkpoint == ""
    world.record()
    world.sign()
    assert world.sizes() == [2, 3]
    assert world.store.audit_state().covered.size == 3
    assert state.tree.size == 2


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE audit SET line = CAST(replace(CAST(line AS TEXT), 'op-0', 'op-1') AS BLOB) WHERE seq = 5"],
        ["UPDATE meta SET value = zeroblob(64) WHERE name = 'audit_tree'"],
        ["UPDATE meta SET value = '2:' || zeroblob(32) WHERE name = 'audit_checkpoint_tree'"],
        ["DELETE FROM meta WHERE name LIKE 'audit_checkpoint%'", "UPDATE audit SET line = 'x' WHERE seq = 2"],
    ],
)
def test_a_trail_that_was_rewritten_gets_no_signature(world: World, statements: list[str]) -> None:
    world.record(4)
    world.sign()
    world.record(2)
    world.open_key = no_key
    world.tamper(*statements)
    world.open_key = lambda: KEY
    world.store = world.open()
    with pytest.raises((Refused, Unavailable)):
        world.sign()
    assert world.sizes() == [4]


def test_a_shortened_trail_gets_no_signature(world: World) -> None:
    """Even one that was patched up to be sound in itself."""
    world.record(3)
    saved = world.path.with_name("saved")
    world.store.close()
    saved.write_bytes(world.path.read_bytes())
    world.store = world.open()
    world.record(2)
    world.store.close()
    world.path.write_bytes(saved.read_bytes())
    world.store = world.open()
    with pytest.raises(Refused) as refusal:
        world.sign()
    assert "ends at record 3" in refusal.value.message
    assert "5 records was signed" in refusal.value.message


def test_lost_checkpoints_are_not_replaced_in_silence(world: World) -> None:
    """Only by somebody who says so, which the trail records."""
    world.record()
    world.sign()
    (world.folder / NOTES_NAME).unlink()
    world.record()
    with pytest.raises(Refused):
        world.sign()
    begin_anew(world.store, world.file)
    world.sign()
    assert world.sizes() == [2]


def test_beginning_anew_keeps_what_there_was(world: World) -> None:
    world.record()
    world.sign()
    before = (world.folder / NOTES_NAME).read_bytes()
    begin_anew(world.store, world.file)
    assert (world.folder / f"{NOTES_NAME}.1").read_bytes() == before


def test_a_forged_last_checkpoint_stops_the_signing(world: World) -> None:
    """Somebody who writes the second place but has no key cannot make the witness follow another story."""
    from engine.trust.notes import sign_note

    world.record()
    world.sign()
    path = world.folder / NOTES_NAME
    forged = sign_note(
        unverified_text(world.file.read().notes[0]), world.store.audit_state().origin, Ed25519PrivateKey.generate()
    )
    path.write_text(forged + "\n")
    world.record()
    with pytest.raises(Refused):
        world.sign()


def test_a_second_place_that_cannot_be_written_harms_no_operation(world: World) -> None:
    """A file stands where its directory should be; it is tried again when some time has passed."""
    world.folder.write_text("in the way")
    world.record(MOST_RECORDS + 1)
    assert world.store.audit_head().seq == MOST_RECORDS + 1
    world.folder.unlink()
    world.record()
    assert world.sizes() == []
    world.clock.advance(RETRY_S)
    world.record()
    assert world.sizes() == [MOST_RECORDS + 3]


def test_a_full_disk_leaves_no_torn_checkpoint(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    world.record()
    world.sign()
    world.record()
    whole = (world.folder / NOTES_NAME).read_bytes()
    write = os.write

    def half_of_it(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as full:
        full.setattr(os, "write", half_of_it)
        with pytest.raises(Unavailable):
            world.sign()
    assert (world.folder / NOTES_NAME).read_bytes() == whole
    assert world.sign() is not None


@pytest.mark.parametrize("name", [NOTES_NAME, KEYS_NAME])
def test_files_that_others_can_read_or_that_are_links_are_refused(world: World, name: str) -> None:
    world.record()
    world.sign()
    world.record()
    (world.folder / name).chmod(0o644)
    with pytest.raises(Refused):
        world.sign()
    (world.folder / name).chmod(0o600)
    (world.folder / name).rename(world.folder / "real")
    (world.folder / name).symlink_to(world.folder / "real")
    with pytest.raises(Unavailable):
        world.sign()


@pytest.mark.parametrize("end", ["rubbish", "rubbish\n\n", "— a b\n\n"])
def test_a_torn_end_is_not_written_over(world: World, end: str) -> None:
    """Nothing is cut off silently: somebody has to look."""
    world.record()
    world.sign()
    with (world.folder / NOTES_NAME).open("a") as file:
        file.write(end)
    world.record()
    with pytest.raises((Unavailable, Refused)):
        world.sign()
    assert world.file.read().remainder == end


def test_the_newest_of_very_many_checkpoints_is_found(world: World) -> None:
    """The file is read from its end, so that status stays as quick as on the first day."""
    world.record()
    note = world.sign()
    assert note is not None
    path = world.folder / NOTES_NAME
    for filling in ("", "\n", "x", "xy\n"):
        path.write_text("".join(f"{filling}{number}\n2\n\n— a AAAAAAAA\n\n" for number in range(3000)) + note + "\n")
        path.chmod(0o600)
        assert world.file.last() == note


def test_a_registry_from_before_there_were_trees_grows_one(world: World) -> None:
    world.record(5)
    expected = world.store.audit_state().tree
    world.tamper("DELETE FROM meta WHERE name = 'audit_tree'")
    world.store = world.open()
    assert world.store.audit_state().tree == expected
    world.store.append_audit(AuditEvent("a.b", "done", "op-0"), at=world.clock.now())
    assert world.store.audit_state().tree.size == 6
