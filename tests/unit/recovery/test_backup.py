"""Making a backup: consistent, complete, readable by the right people, and never half there."""

from __future__ import annotations

import io
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from engine.audit import AuditEvent
from engine.bootstrap import open_context
from engine.errors import Conflict, InvalidInput, Refused, Unavailable
from engine.recovery import create_backup, generate_identity, list_backups, open_backup, read_identities, restore_backup
from engine.recovery.backup import BackupMade
from engine.recovery.encryption import decrypt
from engine.recovery.opening import manifest_path
from engine.settings import Settings, load_settings
from tests.unit.recovery.conftest import World


def plain_archive(world: World, made: BackupMade) -> bytes:
    """The tar inside an archive."""
    sink = io.BytesIO()
    decrypt(io.BytesIO(made.archive.read_bytes()), sink, read_identities(world.identity_file))
    return zstandard.ZstdDecompressor().decompressobj().decompress(sink.getvalue())


def test_the_archive_is_one_that_tar_reads(world: World, kept: BackupMade) -> None:
    """PAX, sorted, 0600, owner 0, time 0, and the content that the manifest lists."""
    with tarfile.open(fileobj=io.BytesIO(plain_archive(world, kept))) as archive:
        members = archive.getmembers()
    assert [(member.name, member.size) for member in members] == [
        (member.path, member.size) for member in kept.manifest.members
    ]
    assert {(member.mode, member.mtime, member.uid, member.gid, member.isreg()) for member in members} == {
        (0o600, 0, 0, 0, True)
    }


def test_private_keys_never_enter(world: World, kept: BackupMade) -> None:
    """Neither as the files they lie in nor as the bytes they are."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = plain_archive(world, kept)
    pems = list((world.ctx.settings.state_dir / "keys").glob("*.pem"))
    assert pems
    for pem in pems:
        key = load_pem_private_key(pem.read_bytes(), None)
        assert b"PRIVATE KEY" not in content
        assert key.private_bytes_raw() not in content  # type: ignore[union-attr]


def test_one_state_makes_one_content(world: World, tmp_path: Path) -> None:
    """Two backups of an unchanged registry differ in their encryption only."""
    first, second = (world.back_up(tmp_path / name).manifest for name in "ab")
    assert first.members == second.members
    assert first.archive_sha3 != second.archive_sha3


def test_it_is_one_moment_while_others_write(world: World, tmp_path: Path) -> None:
    """A writer goes on all the while; the copy is sound and ends where its manifest says."""
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            world.ctx.store.append_audit(AuditEvent("test.act", "done", "op-0"), at=world.ctx.clock.now())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [world.back_up(tmp_path / f"{number}") for number in range(5)]
    finally:
        done.set()
        writer.join()
    assert len({backup.manifest.audit.size for backup in made}) > 1
    for number, backup in enumerate(made):
        opened = open_backup(backup.archive, world.trust)
        restore_backup(world.ctx, opened, tmp_path / f"r{number}", read_identities(world.identity_file))


def test_production_asks_for_a_second_recipient(world: World, tmp_path: Path) -> None:
    settings = replace(world.ctx.settings, env="prod")
    with open_context(settings, actor="oncall") as ctx:
        with pytest.raises(InvalidInput, match="at least 2"):
            create_backup(ctx, tmp_path, [world.recipient], world.signer)
        second = generate_identity(tmp_path / "second")
        create_backup(ctx, tmp_path, [world.recipient, second], world.signer)


@pytest.mark.parametrize("recipients", [[], ["age1nonsense"], ["AGE-SECRET-KEY-1QQ"], ["ssh-ed25519 AAAA"]])
def test_it_is_never_encrypted_to_nobody(world: World, tmp_path: Path, recipients: list[str]) -> None:
    with pytest.raises(InvalidInput):
        create_backup(world.ctx, tmp_path, recipients, world.signer)
    assert list(tmp_path.iterdir()) == []


def test_a_recipient_named_twice_is_not_two(world: World, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="different recipients"):
        create_backup(world.ctx, tmp_path, [world.recipient] * 2, world.signer)


def test_a_registry_without_policies_is_not_backed_up(world: World, tmp_path: Path) -> None:
    """It would restore, and nothing would work."""
    with (
        open_context(replace(Settings(), state_dir=tmp_path / "empty")) as ctx,
        pytest.raises(Refused, match="no published policy"),
    ):
        create_backup(ctx, tmp_path, [world.recipient], world.signer)


def test_a_backup_is_never_overwritten(world: World, tmp_path: Path) -> None:
    made = create_backup(world.ctx, tmp_path / "mine.age", [world.recipient], world.signer)
    before = made.archive.read_bytes()
    with pytest.raises(Conflict):
        create_backup(world.ctx, tmp_path / "mine.age", [world.recipient], world.signer)
    assert made.archive.read_bytes() == before


def test_a_missing_folder_is_an_error_for_people(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        create_backup(world.ctx, tmp_path / "no" / "archive.age", [world.recipient], world.signer)


def test_the_configuration_can_be_used_again(world: World, kept: BackupMade, tmp_path: Path) -> None:
    """What is restored beside the registry is a capctl.toml that gives the same settings."""
    settings = replace(
        Settings(), env="prod-eu", policy="lksg.v1", freeze=("2026-12-24T00:00:00Z/2026-12-27T00:00:00Z",), mouse=False
    )
    from engine.recovery.configuration import write_configuration

    file = tmp_path / "capctl.toml"
    file.write_bytes(write_configuration(settings))
    assert load_settings({}, file, {}) == settings


def test_a_list_of_backups_says_what_is_missing(world: World, tmp_path: Path) -> None:
    """Complete ones newest first; an archive alone, a manifest alone, a cut archive and a stranger's manifest last."""
    folder = tmp_path / "b"
    made = [world.back_up(folder) for _ in range(5)]
    manifest_path(made[1].archive).unlink()
    made[2].archive.unlink()
    made[3].archive.write_bytes(made[3].archive.read_bytes()[:-1])
    manifest_path(made[4].archive).write_bytes(b"{}")
    listed = {backup.name: backup.state for backup in list_backups(folder, world.trust)}
    assert [listed[backup.archive.name] for backup in made] == [
        "complete",
        "incomplete",
        "incomplete",
        "incomplete",
        "not trusted",
    ]
