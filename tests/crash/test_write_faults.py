"""Whichever write the disk refuses, of SQLite or of this program: it is said, nothing of it stays, nothing is lost.

Each action is carried out on a copy of one and the same environment, again and again, with a disk that is full from its
first write on, from its second, and so on until none is left; and likewise with one that fails at just that write. What
is then there is read twice: as this process leaves it, and as it would be had the process died there. Then the disk is
well again, and the action is carried out by that process, and by one that finds what the dead one left.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from capctl.cli.diagnostics import ExitCode, diagnose
from engine.audit import AuditRecord, read_checkpoint, verify_chain
from engine.audit.verification import verify_trail
from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import DRIFTING_POLICY_ID, POLICY_ID, furnish
from engine.errors import EngineError, Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.recovery import BackupMade, Trust, generate_identity, list_backups
from engine.registry import SqliteStore
from engine.settings import Settings
from engine.trust import rotating
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.custody import custody_of, open_signer
from engine.trust.dsse import signed_by
from engine.trust.keyfile import KeyPurpose
from engine.trust.notes import open_note
from tests.crash.failing_disk import FailingDisk, Fault, intercepted
from tests.crash.test_rotation import check_told
from tests.samples.stored import AT, make_event

pytestmark = pytest.mark.crash

Facts: TypeAlias = dict[str, Any]

MOST_WRITES: Final = 2_000
"""No action comes near it; a sweep that does would never end."""

LEFT_OPEN: Final[dict[str, Facts]] = {
    "keys.not_signed_again": {"to sign": []},
    "keys.not_destroyed": {},
    "ops.outcome_not_recorded": {"done": []},
}
"""Errors that say that it was carried out, and what is left to be done by doing it again."""

KEY: Final = {"purpose": "registry"}
"""The rotation that signs everything again."""


def enter(state_dir: Path, *, read_only: bool = False) -> EngineContext:
    """An environment whose rotations wait for nothing."""
    settings = replace(Settings(), env="demo", state_dir=state_dir, key_announce_s=0, key_soak_s=0)
    return open_context(settings, actor="oncall", environ={}, read_only=read_only)


@dataclass(frozen=True)
class Action:
    """What an operator does, and what was done before it."""

    operation: str
    arguments: dict[str, Any]
    before: tuple[str, ...] | None = ()
    """Steps of a rotation; None: nothing at all was ever done here."""

    def carry_out(self, ctx: EngineContext) -> None:
        """Do it."""
        run(REGISTRY[self.operation], ctx, **self.arguments)

    def prepare(self, state_dir: Path) -> None:
        """Make the environment it is done to."""
        if self.before is None:
            return
        with enter(state_dir) as ctx:
            furnish(ctx)
            for step in self.before:
                run(REGISTRY[step], ctx, purpose="registry")


ACTIONS: Final = {
    "first policy": Action("policy.publish", {"file": POLICY_ID}, None),
    "policy": Action("policy.publish", {"file": DRIFTING_POLICY_ID}),
    "list": Action("lists.import", {"file": "watched.txt"}),
    "rollout": Action("rollout.start", {"policy": POLICY_ID}),
    "checkpoint": Action("audit.checkpoint", {}),
    "prepare": Action("keys.prepare", KEY),
    "dual-accept": Action("keys.dual_accept", KEY, ("keys.prepare",)),
    "switch": Action("keys.switch", KEY, ("keys.prepare", "keys.dual_accept")),
    "decommission": Action("keys.decommission", KEY, ("keys.prepare", "keys.dual_accept", "keys.switch")),
}


@pytest.fixture(autouse=True, scope="module")
def _under_sqlite() -> Iterator[None]:
    with intercepted():
        yield


def facts_of(state_dir: Path) -> Facts:
    """What an environment holds, read through and verified by somebody who was not there."""
    with enter(state_dir, read_only=True) as ctx:
        store, custody = ctx.store, custody_of(ctx)
        assert list(store.check()) == []
        check_trail(ctx)
        believed = custody.keeper.believed()
        keys = believed.ring.keys if believed else ()
        if believed:
            check_told(ctx, believed.ring)
        signing = believed and believed.ring.signing(KeyPurpose.REGISTRY)
        return {
            "done": [record.event.action for record in _recorded(ctx) if record.event.outcome == "done"],
            "policies": {entry.policy_id: store.policy(entry.policy_id).ir_hash for entry in store.policies()},
            "lists": {entry.name: len(store.reference_set(entry.root)) for entry in store.reference_sets()},
            "rollouts": [(state.policy_id, state.revision) for state in store.rollouts()],
            "keys": [(key.purpose, key.status, key.verify_until is None) for key in keys],
            "to sign": [
                entry.subject
                for entry in store.signed_entries()
                if signing and signing.kid not in signed_by(entry.envelope, entry.kind)
            ],
        }


def check_trail(ctx: EngineContext) -> None:
    """The audit trail is sound, and so is every checkpoint of it."""
    state, file = ctx.store.audit_state(), CheckpointFile(ctx.settings.checkpoint_path)
    kept, keys = file.read(), file.keys()
    assert kept.remainder == ""
    signed = [read_checkpoint(open_note(note, keys)) for note in kept.notes]
    report = verify_trail(ctx.store.audit_lines(), head=state.head, tree=state.tree, checkpoints=signed)
    assert report.breaks == ()


def _recorded(ctx: EngineContext) -> list[AuditRecord]:
    """The audit trail, oldest first."""
    return list(reversed(ctx.store.audit_tail(limit=ctx.store.audit_head().seq)))


def check_said(error: EngineError, folder: Path) -> None:
    """The error is one for people: the disk's, with something to do, and nothing of this machine."""
    assert isinstance(error, Unavailable), error.code
    assert error.hint
    assert str(folder) not in error.message + error.hint
    assert diagnose(error).exit_code == ExitCode.UNAVAILABLE


def check_kept(found: Facts, before: Facts, after: Facts, error: EngineError | None) -> None:
    """What was acknowledged is there; of what was not, nothing."""
    if error is None:
        assert found == after
    elif error.code in LEFT_OPEN:
        left = LEFT_OPEN[error.code]
        assert found | left == after | left
    elif before["keys"]:
        assert found == before
    else:  # keys that an environment makes for itself are no part of what first needs them
        assert found | {"keys": [], "done": []} == before


def left_by_the_dead(state_dir: Path, copy: Path) -> Path:
    """What lies there if the process dies now: all but what is in memory."""
    return Path(shutil.copytree(state_dir, copy, ignore=shutil.ignore_patterns("*-shm")))


def sweep(action: Action, fault: Fault, folder: Path) -> int:
    """Carry an action out with every write refused; how many there are."""
    template, whole = folder / "template", folder / "whole"
    template.mkdir(parents=True)
    action.prepare(template)
    shutil.copytree(template, whole)
    with enter(whole) as ctx:
        action.carry_out(ctx)
    before, after = facts_of(template), facts_of(whole)
    assert before != after or action.operation == "audit.checkpoint"
    for number in range(1, MOST_WRITES):
        state_dir = Path(shutil.copytree(template, folder / str(number)))
        if not refuse(action, FailingDisk(fault, number), state_dir, before, after):
            return number - 1
        shutil.rmtree(state_dir)
        shutil.rmtree(folder / f"{number}.dead")
    pytest.fail("it never succeeded")


def refuse(action: Action, disk: FailingDisk, state_dir: Path, before: Facts, after: Facts) -> bool:
    """Carry an action out on a bad disk, and again on a good one; False if nothing was refused."""
    error = None
    with enter(state_dir) as ctx:
        with disk.in_place():
            try:
                action.carry_out(ctx)
            except EngineError as raised:
                error = raised
                check_said(error, state_dir.parent)
        if not disk.has_failed:
            assert error is None
            return False
        dead = left_by_the_dead(state_dir, state_dir.with_suffix(".dead"))
        check_kept(facts_of(state_dir), before, after, error)
        if error is not None:
            check_repeatable(action, ctx, after)
    with enter(dead) as ctx:
        if facts_of(dead) != after:
            check_kept(facts_of(dead), before, after, error)
            check_repeatable(action, ctx, after)
    return True


def check_repeatable(action: Action, ctx: EngineContext, after: Facts) -> None:
    """Done again it succeeds, and is done once; a step that was taken and left something over is on record twice."""
    state_dir, operation = ctx.settings.state_dir, action.operation
    is_told = facts_of(state_dir)["done"].count(operation) == after["done"].count(operation)
    action.carry_out(ctx)
    assert facts_of(state_dir) == after | {"done": after["done"] + [operation] * is_told}


CASES: Final = [
    *((name, fault) for name in ACTIONS for fault in (Fault.FULL, Fault.FAILING)),
    *((name, Fault.GONE) for name in ("policy", "decommission")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_disk_that_refuses_any_write_changes_nothing(
    name: str,
    fault: Fault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rotating, "BATCH", 2)  # so that there is something between the first and the last signature
    Path("watched.txt").write_text("".join(f"sha3-256:{number:064x}\n" for number in range(500)))
    tried = sweep(ACTIONS[name], fault, tmp_path / "disk")
    record_property("tried", f"{name} {tried} writes")


@pytest.mark.parametrize("fault", Fault)
def test_every_record_that_was_acknowledged_is_kept_and_no_other(
    fault: Fault, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """One after the other, by a process that goes on whatever the disk does."""
    for number in range(1, MOST_WRITES):
        disk, acknowledged = FailingDisk(fault, number), list[str]()
        (tmp_path / str(number)).mkdir()
        with closing(SqliteStore(tmp_path / str(number) / "store", ManualClock())) as store:
            with disk.in_place():
                for name in map(str, range(8)):
                    with suppress(Unavailable):
                        store.append_audit(replace(make_event(), object=name), at=AT)
                        acknowledged.append(name)
            left_by_the_dead(tmp_path / str(number), tmp_path / f"{number}.dead")
        kept, left = (recorded(tmp_path / folder / "store") for folder in (str(number), f"{number}.dead"))
        assert kept == acknowledged
        # A commit that only fsync refused lies in the log whole; a process that lives on writes over it.
        assert left in (acknowledged, [*acknowledged, str(len(acknowledged))])
        if not disk.has_failed:
            assert len(acknowledged) == 8
            break
    record_property("tried", f"{number - 1} writes")


def recorded(path: Path) -> list[str]:
    """What a registry's trail is about, oldest first."""
    with closing(SqliteStore(path, ManualClock())) as store:
        assert list(verify_chain(store.audit_lines(), head=store.audit_head())) == []
        return [record.event.object for record in reversed(store.audit_tail(limit=store.audit_head().seq))]


UNDONE: Final = (Fault.FULL, Fault.FAILING)
"""What is under its name and turns out not to be on disk is taken back, which a disk that is gone does not do."""


@dataclass(frozen=True)
class Safe:
    """An environment and where its backups go."""

    home: Path
    recipient: str

    def enter(self) -> EngineContext:
        """The environment, which no failed backup may change."""
        return enter(self.home / "state")

    def back_up(self, ctx: EngineContext) -> BackupMade:
        """Make a backup, as an operator does."""
        made: BackupMade = run(
            REGISTRY["backup.create"], ctx, to=str(self.home / "backups"), recipient=[self.recipient]
        )
        return made

    def restore(self, ctx: EngineContext, archive: Path) -> None:
        """Restore one."""
        into, identity = str(self.home / "place" / "restored"), str(self.home / "identity")
        run(REGISTRY["restore.run"], ctx, archive=str(archive), into=into, identity=identity)


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    with enter(tmp_path / "state") as ctx:
        furnish(ctx)
        open_signer(ctx, KeyPurpose.BACKUP)
    for name in ("backups", "place"):
        (tmp_path / name).mkdir()
    return Safe(tmp_path, generate_identity(tmp_path / "identity"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", UNDONE)
def test_a_backup_is_there_and_sound_or_it_is_not_there(
    fault: Fault, safe: Safe, record_property: Callable[[str, object], None]
) -> None:
    for number in range(1, MOST_WRITES):
        disk, error = FailingDisk(fault, number), None
        with safe.enter() as ctx:
            with disk.in_place():
                try:
                    safe.back_up(ctx)
                except EngineError as raised:
                    error = raised
                    check_said(error, safe.home)
            trust = Trust(kids=frozenset({open_signer(ctx, KeyPurpose.BACKUP).public_key.kid}))
        made = list((safe.home / "backups").glob("capctl-*"))
        complete = [found for found in list_backups(safe.home / "backups", trust) if found.state == "complete"]
        is_made = error is None or error.code == "ops.outcome_not_recorded"
        assert (len(made), len(complete)) == ((2, 1) if is_made else (0, 0))
        for path in made:
            path.unlink()
        if not disk.has_failed:
            break
    assert error is None
    check_nothing_left(safe, "state", "backups")
    facts = facts_of(safe.home / "state")
    assert facts["done"].count("backup.create") < number
    record_property("tried", f"{number - 1} writes")


@pytest.mark.slow
@pytest.mark.parametrize("fault", UNDONE)
def test_a_restored_registry_is_there_whole_or_not_at_all(
    fault: Fault, safe: Safe, record_property: Callable[[str, object], None]
) -> None:
    target = safe.home / "place" / "restored"
    with safe.enter() as ctx:
        archive = safe.back_up(ctx).archive
        policies = facts_of(safe.home / "state")["policies"]
        for number in range(1, MOST_WRITES):
            disk, error = FailingDisk(fault, number), None
            with disk.in_place():
                try:
                    safe.restore(ctx, archive)
                except EngineError as raised:
                    error = raised
                    check_said(error, safe.home)
            assert target.exists() == (error is None)
            if error is None:
                with enter(target, read_only=True) as restored:
                    assert {entry.policy_id: entry.ir_hash for entry in restored.store.policies()} == policies
                    check_trail(restored)
                shutil.rmtree(target)
            if not disk.has_failed:
                break
    assert error is None
    check_nothing_left(safe, "place")
    record_property("tried", f"{number - 1} writes")


def check_nothing_left(safe: Safe, *folders: str) -> None:
    """Whatever a disk kept from being removed, the next that comes there removes."""
    hidden = [path for folder in folders for path in (safe.home / folder).glob(".*")]
    assert hidden == []
