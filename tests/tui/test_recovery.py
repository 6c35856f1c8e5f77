"""The Recovery screen as somebody meets it who has never backed anything up: on a real registry, with real files.

The restore drill starts a real verifier, whose tokens go by the machine's time; so the clock in hand begins there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from capctl.tui.app import ControlRoom
from capctl.tui.messages import Call, OperationProgressed, OperationStarted
from capctl.tui.modals.answer import AnswerDialog
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.form import FormDialog
from capctl.tui.widgets.recovery_backups import RecoveryBackups, size_of
from engine import recovery
from engine.clock import SystemClock
from engine.context import Progress
from engine.errors import Refused, Unavailable
from engine.ops import keyring
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.recovery.drill import Difference
from engine.trust.custody import open_signer
from engine.trust.keyfile import KeyPurpose
from tests.tui import scenes
from tests.tui.conftest import Opened, text_of, toasts
from tests.tui.trust_world import World, press, settled

Open = Callable[..., Opened]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A registry whose clock begins at the machine's time."""
    made = World(tmp_path, now=SystemClock().now())
    yield made
    made.close()


def backed_up(world: World) -> str:
    """Make an identity and a backup as the commands do; returns the archive's path."""
    run(REGISTRY["backup.keygen"], world.ctx)
    made = run(REGISTRY["backup.create"], world.ctx)
    return str(made.archive)


def drilled(world: World, **changes: Any) -> None:
    """Keep the report of a restore drill that began now."""
    newest = next(iter(recovery.list_backups(world.settings.backup_path, _trust(world))), None)
    report = recovery.DrillReport(
        env="demo",
        started_at=world.clock.now(),
        backup_id=newest.manifest.id if newest and newest.manifest else "0" * 32,
        manifest_sha3=newest.manifest_sha3 if newest else "",
        backed_up_at=world.clock.now(),
        is_fresh=False,
        ready_status=200,
        ready_reasons=(),
        policies=2,
        equal=2,
        differences=(),
        steps=(),
        records_since=0,
    )
    report = replace(report, **changes)
    document = report.sealed(open_signer(world.ctx, KeyPurpose.BACKUP))
    recovery.keep_report(world.settings.drill_path, "restore", report.started_at, document)


def _trust(world: World) -> recovery.Trust:
    signer = open_signer(world.ctx, KeyPurpose.BACKUP)
    return recovery.Trust({signer.public_key.kid: signer.public_key})


def flip_a_bit(file: Path) -> None:
    """Change a file without changing its size."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def begin(app: ControlRoom, op_id: str, *steps: str) -> None:
    """Put an operation on the screen that is under way and has told so much."""
    app.post_message(OperationStarted(1, Call(REGISTRY[op_id])))
    for step in steps:
        app.post_message(OperationProgressed(1, Progress(step, 0)))


async def answer(pilot: Pilot[None], text: str) -> None:
    """Paste into the form's only field, and go on."""
    pilot.app.screen.query_one(Input).value = text
    await press(pilot, "enter")


@pytest.mark.slow
async def test_from_nothing_to_a_restore_that_was_rehearsed_with_one_key(opened: Open, world: World) -> None:
    """g, y three times: identity, backup, drill; the signed report is shown, and what a loss would cost."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "■  NO BACKUP" in text_of(app)
        assert "g: it makes an identity" in text_of(app)
        await press(pilot, "g")
        assert str(world.settings.backup_identity_path)[:40] in text_of(app)
        await press(pilot, "y")
        assert "Nothing could be restored: g backs up" in text_of(app)
        await press(pilot, "g", "y")
        assert "…  UNTRIED" in text_of(app)
        assert "never restored: g rehearses it" in text_of(app)
        await press(pilot, "g", "y")
        assert isinstance(app.screen, AnswerDialog)
        assert "drill passed ✓ verifier ready, 2 of 2 policies equal" in text_of(app)
        await press(pilot, "escape")
        assert "○  SAFE" in text_of(app)
        assert "A loss now would cost" in text_of(app)
        assert "restored and read" in text_of(app)
        assert "restore: passed" in text_of(app)


async def test_a_backup_that_grows_old_is_told_with_what_would_be_lost(opened: Open, world: World) -> None:
    """A day without a backup, and the next step is another one."""
    backed_up(world)
    drilled(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "○  SAFE" in text_of(app)
        world.advance(app, 86_500)
        await settled(pilot)
        assert "…  OLD" in text_of(app)
        assert "A loss now would cost 1 d 0 h of work" in text_of(app)
        await press(pilot, "g", "y")
        assert "○  SAFE" in text_of(app)
        assert len(list(world.settings.backup_path.glob("*.age"))) == 2


async def test_a_drill_that_failed_is_not_forgotten_by_the_next_console(opened: Open, world: World) -> None:
    """What another terminal's drill found is read from its signed report; only a newer backup lays it to rest."""
    backed_up(world)
    world.clock.advance(60)
    drilled(world, equal=1, differences=(Difference("lksg.v1", "another ir_hash"),))
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "■  DRILL FAILED" in text_of(app)
        assert "1 of 2 policies came back equal" in text_of(app)
        assert "lksg.v1: another ir_hash" in text_of(app)
        world.clock.advance(60)
        await press(pilot, "n", "y")
        assert "…  UNTRIED" in text_of(app)


async def test_a_report_that_nobody_signed_counts_for_nothing(opened: Open, world: World) -> None:
    """Whoever can write into the folder cannot make the screen say that all is well."""
    backed_up(world)
    drilled(world)
    [report] = world.settings.drill_path.iterdir()
    report.write_bytes(report.read_bytes().replace(b'"sig":"', b'"sig":"AAAA', 1))
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "…  UNTRIED" in text_of(app)


async def test_a_week_after_the_last_drill_another_is_due(opened: Open, world: World) -> None:
    """However new the backups are."""
    backed_up(world)
    drilled(world, started_at=world.clock.now() - timedelta(days=8))
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "…  DRILL DUE" in text_of(app)
        assert "The last restore drill is 8 d 0 h old: g rehearses" in text_of(app)


async def test_a_backup_that_was_changed_is_found_and_stays_found(opened: Open, world: World) -> None:
    """A check finds what no list can see; the console that is opened tomorrow still says so."""
    flip_a_bit(Path(backed_up(world)))
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8", "c")
        assert "■  FAILED" in text_of(app)
        assert "The archive is not the one that its manifest" in text_of(app)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "■  DAMAGED" in text_of(app)
        assert "g makes another" in text_of(app)


async def test_a_backup_is_restored_elsewhere_and_nothing_here_changes(
    opened: Open, world: World, tmp_path: Path
) -> None:
    """The target is asked for, then what it means; Enter is no yes; a target that is not empty is refused."""
    backed_up(world)
    target = tmp_path / "again"
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8", "e")
        assert isinstance(app.screen, FormDialog)
        await answer(pilot, str(target))
        assert isinstance(app.screen, ConfirmDialog)
        assert "stays as it is" in text_of(app)
        await press(pilot, "enter")
        assert not target.exists()
        await press(pilot, "e")
        await answer(pilot, str(target))
        await press(pilot, "y", "escape")
        assert (target / "capctl.sqlite").exists()
        await press(pilot, "e")
        await answer(pilot, str(target))
        await press(pilot, "y")
        assert "■  FAILED" in text_of(app)
        assert "is not empty" in text_of(app)
        assert len(world.ctx.store.policies()) == 2


async def test_a_backup_is_chosen_among_several(opened: Open, world: World) -> None:
    """Arrows choose; what is checked is the chosen one, and the list says so."""
    backed_up(world)
    world.clock.advance(10)
    run(REGISTRY["backup.create"], world.ctx)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8", "down", "c", "escape")
        older = app.screen.query_one(RecoveryBackups).chosen(app.state)
        assert older is not None
        assert older.check is not None
        assert older.check.ok
        assert "restored and read 1 s ago" in text_of(app)
        assert text_of(app).count("never restored") >= 1


async def test_what_is_under_way_is_told_part_by_part(opened: Open, world: World) -> None:
    """Which part it is at, and since when; meanwhile no other is begun."""
    backed_up(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        begin(app, "drill.restore", "backup", "open", "restore", "start")
        await settled(pilot)
        world.advance(app, 3)
        await settled(pilot)
        assert "…  RUNNING" in text_of(app)
        assert "Rehearsing a restore, for 3 s" in text_of(app)
        assert "○ back up  ○ check  ○ restore  … start verifier  · compare" in text_of(app)
        await press(pilot, "d")
        assert any("One is under way" in toast for toast in toasts(app))


async def test_the_key_drill_waits_for_a_rotation_that_is_under_way(opened: Open, world: World) -> None:
    """It says where to look, and does not call it a failure."""
    keyring.prepare(world.ctx, "response", "file")
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8", "o")
        assert any("The response key itself is being rotated (5)" in toast for toast in toasts(app))


async def test_production_says_what_is_missing_before_anything_is_made(opened: Open, tmp_path: Path) -> None:
    """One recipient is not enough there, and the key says so instead of trying."""
    world = World(tmp_path, now=SystemClock().now())
    recovery.generate_identity(world.settings.backup_identity_path)
    settings = replace(world.settings, env="prod")
    ctx = replace(world.ctx, settings=settings)
    async with opened(scenes.hold, ctx=ctx) as (app, pilot):
        await press(pilot, "8")
        assert "■  NO BACKUP" in text_of(app)
        assert "Production asks for 2 recipients" in text_of(app)
        await press(pilot, "n")
        assert any("backup_recipients" in toast for toast in toasts(app))
    world.close()


async def test_an_identity_that_others_can_read_is_refused_with_what_to_do(opened: Open, world: World) -> None:
    """Nothing is encrypted to a key that may be known."""
    run(REGISTRY["backup.keygen"], world.ctx)
    world.settings.backup_identity_path.chmod(0o644)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "is open to other users" in text_of(app)
        assert "chmod 600" in text_of(app)


async def test_a_read_only_console_only_looks(opened: Open, world: World) -> None:
    """Every key that changes something is refused with the reason; a check changes nothing and works."""
    backed_up(world)
    before = world.ctx.store.audit_head().seq
    async with opened(scenes.hold, ctx=replace(world.ctx, read_only=True)) as (app, pilot):
        await press(pilot, "8", "n", "d", "o", "e")
        assert sum("read-only" in toast for toast in toasts(app)) == 4
        await press(pilot, "c")
        assert isinstance(app.screen, AnswerDialog)
        assert "sound ✓" in text_of(app)
        assert world.ctx.store.audit_head().seq == before


async def test_a_registry_that_falls_silent_is_seen(
    opened: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word STALE and the age, never the last answer as if it were current."""
    backed_up(world)
    drilled(world)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8")
        assert "○  SAFE" in text_of(app)

        def silent(*_: Any, **__: Any) -> None:
            raise Unavailable("store.locked", "The store is locked by another program", "Wait a moment.")

        monkeypatch.setattr("engine.ops.recovery_look.look", silent)
        world.advance(app, 60)
        await settled(pilot)
        assert "?  STALE" in text_of(app)
        assert "SAFE" not in text_of(app)
        assert "The store is locked by another program" in text_of(app)


async def test_a_drill_that_breaks_says_what_happened_and_where(
    opened: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part it broke in is marked."""
    backed_up(world)

    def broken(op: Any, ctx: Any, /, **_: Any) -> None:
        ctx.emit(Progress("open", 0))
        ctx.emit(Progress("restoring", 1, 2))
        raise Refused("recovery.archive_damaged", "The archive cannot be decrypted", "Take an older backup.")

    monkeypatch.setattr("capctl.tui.runner.run", broken)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "8", "d", "y")
        assert "■  DRILL FAILED" in text_of(app)
        assert "The archive cannot be decrypted" in text_of(app)
        assert "Take an older backup." in text_of(app)
        assert "○ check  ■ restore  · start verifier" in text_of(app)


@pytest.mark.parametrize(("size", "text"), [(812, "812 B"), (2048, "2.0 KiB"), (3 * 2**40, "3.0 TiB")])
def test_sizes_have_few_digits(size: int, text: str) -> None:
    assert size_of(size) == text
