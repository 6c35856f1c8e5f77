"""The commands: who may run them, what they record, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import engine.ops.catalogue  # noqa: F401 - fills the registry
from engine.bootstrap import open_context
from engine.errors import Held, InvalidInput
from engine.ops.run import run
from engine.ops.spec import REGISTRY
from engine.recovery.backup import BackupMade
from tests.unit.recovery.conftest import World


def restore_arguments(world: World, kept: BackupMade, target: Path) -> dict[str, object]:
    """What somebody types on a machine that has nothing but the backup."""
    return {
        "archive": str(kept.archive),
        "into": str(target),
        "identity": str(world.identity_file),
        "trust": [world.signer.public_key.kid],
    }


def test_a_restore_records_itself_where_it_restored_and_nowhere_else(
    world: World, kept: BackupMade, tmp_path: Path
) -> None:
    """A registry that is lost must not come to be again, empty, because somebody restores its backup."""
    settings = replace(world.ctx.settings, state_dir=tmp_path / "lost")
    with open_context(settings, actor="second") as ctx:
        run(REGISTRY["restore.run"], ctx, **restore_arguments(world, kept, tmp_path / "r"))
    assert not (tmp_path / "lost").exists()
    with open_context(replace(settings, state_dir=tmp_path / "r"), read_only=True) as restored:
        [last] = restored.store.audit_tail(limit=1)
        assert (last.event.action, last.event.outcome) == ("restore.run", "done")
        assert restored.store.actor_name(last.event.actor) == "second"
        assert last.seq == kept.manifest.audit.size + 1


def test_the_lost_state_directory_itself_can_be_the_target(world: World, kept: BackupMade, tmp_path: Path) -> None:
    settings = replace(world.ctx.settings, state_dir=tmp_path / "state")
    with open_context(settings, actor="second") as ctx:
        run(REGISTRY["restore.run"], ctx, **restore_arguments(world, kept, tmp_path / "state"))
    with open_context(settings, read_only=True) as ctx:
        assert len(ctx.store.policies()) == len(kept.manifest.policies)


def test_a_dry_run_restores_nothing_visible(world: World, kept: BackupMade, tmp_path: Path) -> None:
    with open_context(replace(world.ctx.settings, state_dir=tmp_path / "lost"), actor="second") as ctx:
        run(REGISTRY["restore.run"], ctx, dry_run=True, **restore_arguments(world, kept, tmp_path / "r"))
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_console_does_not_restore(world: World, kept: BackupMade, tmp_path: Path) -> None:
    with (
        open_context(replace(world.ctx.settings, state_dir=tmp_path / "lost"), read_only=True) as ctx,
        pytest.raises(Held, match="read-only"),
    ):
        run(REGISTRY["restore.run"], ctx, **restore_arguments(world, kept, tmp_path / "r"))


def test_without_a_key_to_trust_nothing_is_believed(world: World, kept: BackupMade, tmp_path: Path) -> None:
    """Least of all the backup's own word."""
    arguments = restore_arguments(world, kept, tmp_path / "r") | {"trust": []}
    with (
        open_context(replace(world.ctx.settings, state_dir=tmp_path / "lost"), actor="second") as ctx,
        pytest.raises(Held, match="no backup can be believed"),
    ):
        run(REGISTRY["restore.run"], ctx, **arguments)


@pytest.mark.parametrize("kid", ["", "age1abc", "x" * 44])
def test_what_is_no_key_id_is_not_trusted(world: World, kept: BackupMade, tmp_path: Path, kid: str) -> None:
    arguments = restore_arguments(world, kept, tmp_path / "r") | {"trust": [kid]}
    with open_context(replace(world.ctx.settings, state_dir=tmp_path / "lost")) as ctx, pytest.raises(InvalidInput):
        run(REGISTRY["restore.run"], ctx, **arguments)
