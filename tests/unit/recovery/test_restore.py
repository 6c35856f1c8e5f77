"""Restoring: what was signed comes back whole; whatever was not, leaves nothing behind."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import AuditEvent
from engine.bootstrap import open_context
from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.recovery import Trust, create_backup, generate_identity, open_backup, read_identities, restore_backup
from engine.recovery.archive import Unpacker, compress
from engine.recovery.backup import BackupMade
from engine.recovery.encryption import encrypt, read_recipients
from engine.recovery.manifest import MANIFEST_TYPE
from engine.recovery.opening import OpenedBackup, manifest_path
from engine.trust.dsse import seal
from engine.trust.signer import KeySigner
from tests.unit.recovery.conftest import World
from tests.unit.recovery.test_backup import plain_archive


def restore(world: World, archive: Path, target: Path, trust: Trust | None = None) -> None:
    """As `capctl restore` does it."""
    opened = open_backup(archive, trust or world.trust)
    restore_backup(world.ctx, opened, target, read_identities(world.identity_file))


def copy_of(kept: BackupMade, folder: Path) -> Path:
    """The backup again, for a test that changes it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(manifest_path(kept.archive), folder)
    return Path(shutil.copy(kept.archive, folder))


def test_what_was_backed_up_stands_again(world: World, kept: BackupMade, tmp_path: Path) -> None:
    restore(world, kept.archive, tmp_path / "r")
    with open_context(replace(world.ctx.settings, state_dir=tmp_path / "r"), read_only=True) as restored:
        live, again = world.ctx.store, restored.store
        assert again.policies() == live.policies()
        assert again.reference_sets() == live.reference_sets()
        assert again.rollouts() == live.rollouts()
        for entry in live.policies():
            assert again.policy(entry.policy_id).canonical == live.policy(entry.policy_id).canonical
            assert again.policy_source(entry.policy_id) == live.policy_source(entry.policy_id)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r"]


def test_an_empty_directory_will_do(world: World, kept: BackupMade, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    restore(world, kept.archive, tmp_path / "r")
    assert (tmp_path / "r" / "capctl.sqlite").is_file()


@pytest.mark.parametrize("kind", ["file", "full", "link", "hidden"])
def test_nothing_is_mixed_with_what_is_there(world: World, kept: BackupMade, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "r"
    if kind == "file":
        target.write_text("mine")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.mkdir()
        (target / ("mine" if kind == "full" else ".mine")).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Conflict, match="not empty"):
        restore(world, kept.archive, target)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_target_that_fills_meanwhile_is_left_alone(world: World, kept: BackupMade, tmp_path: Path) -> None:
    """Somebody else was faster: the one rename does not replace what they put there."""
    target = tmp_path / "r"

    def somebody(_: Any) -> None:
        target.mkdir()
        (target / "theirs").write_text("theirs")

    opened = open_backup(kept.archive, world.trust)
    with pytest.raises(Conflict, match="not empty"):
        restore_backup(world.ctx, opened, target, read_identities(world.identity_file), finish=somebody)
    assert [path.name for path in target.iterdir()] == ["theirs"]


def test_another_identity_opens_nothing(world: World, kept: BackupMade, tmp_path: Path) -> None:
    generate_identity(tmp_path / "other")
    opened = open_backup(kept.archive, world.trust)
    with pytest.raises(Refused, match="not encrypted to this identity"):
        restore_backup(world.ctx, opened, tmp_path / "r", read_identities(tmp_path / "other"))
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "AGE-SECRET-KEY-1SECRETSECRET\n", "plainsecret\n"])
def test_an_identity_file_that_is_none_is_not_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "identity"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(InvalidInput) as caught:
        read_identities(file)
    assert "SECRETSECRET" not in caught.value.message + caught.value.hint
    assert "plainsecret" not in caught.value.message + caught.value.hint


def test_an_identity_file_open_to_others_is_refused(world: World, tmp_path: Path) -> None:
    file = tmp_path / "identity"
    shutil.copy(world.identity_file, file)
    file.chmod(0o640)
    with pytest.raises(Refused, match="open to other users"):
        read_identities(file)
    link = tmp_path / "link"
    link.symlink_to(world.identity_file)
    with pytest.raises(EngineError):
        read_identities(link)


# Whose word counts


def test_a_strangers_manifest_counts_for_nothing(world: World, kept: BackupMade, tmp_path: Path) -> None:
    """Whoever knows only the recipient can encrypt, and sign with a key of their own; neither gets them in."""
    stranger = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    forged = create_backup(world.ctx, tmp_path / "forged.age", [world.recipient], stranger)
    with pytest.raises(Refused, match="does not count here"):
        restore(world, forged.archive, tmp_path / "r")


def test_a_manifest_that_names_a_key_it_was_not_signed_with_is_refused(
    world: World, kept: BackupMade, tmp_path: Path
) -> None:
    """The signer in the manifest is the trusted key; the signature is somebody else's."""
    stranger = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    archive = copy_of(kept, tmp_path / "b")
    manifest_path(archive).write_bytes(seal(MANIFEST_TYPE, kept.manifest.payload(), [stranger]))
    with pytest.raises(Refused, match="signatures"):
        restore(world, archive, tmp_path / "r")


def test_a_forged_archive_is_not_even_decrypted(world: World, kept: BackupMade, tmp_path: Path) -> None:
    archive = copy_of(kept, tmp_path / "b")
    with archive.open("wb") as file:
        encrypt(iter([b"anything"]), file, read_recipients([world.recipient]))
    with pytest.raises(Refused, match="not the one that its manifest was signed for"):
        restore(world, archive, tmp_path / "r")


def test_two_backups_do_not_mix(world: World, kept: BackupMade, tmp_path: Path) -> None:
    other = world.back_up(tmp_path / "other")
    archive = copy_of(kept, tmp_path / "b")
    shutil.copy(manifest_path(other.archive), manifest_path(archive))
    with pytest.raises(Refused):
        restore(world, archive, tmp_path / "r")


def test_an_archive_without_a_manifest_is_no_backup(world: World, kept: BackupMade, tmp_path: Path) -> None:
    archive = copy_of(kept, tmp_path / "b")
    manifest_path(archive).unlink()
    with pytest.raises(NotFound, match="nobody speaks for it"):
        restore(world, archive, tmp_path / "r")


def test_a_folder_is_no_archive(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is the one that somebody stands in."""
    monkeypatch.chdir(tmp_path)
    for name in (".", str(tmp_path)):
        with pytest.raises(EngineError):
            open_backup(Path(name), world.trust)


def test_keys_at_hand_count_as_well_as_a_noted_key_id(world: World, kept: BackupMade, tmp_path: Path) -> None:
    key = world.signer.public_key
    restore(world, kept.archive, tmp_path / "r", Trust({key.kid: key}))


# Mutations: bytes that are not those that were signed


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Flip, cut, append, insert, overwrite, drop, concatenate or splice."""
    at = rng.randrange(len(data))
    changed = {
        "flip": lambda: data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :],
        "cut": lambda: data[:at],
        "append": lambda: data + rng.randbytes(rng.randint(1, 64)),
        "space": lambda: data + b"\n",
        "insert": lambda: data[:at] + rng.randbytes(rng.randint(1, 64)) + data[at:],
        "overwrite": lambda: data[:at] + rng.randbytes(16) + data[at + 16 :],
        "drop": lambda: data[:at] + data[at + rng.randint(1, 512) :],
        "double": lambda: data + data,
        "concatenate": lambda: data + other,
        "splice": lambda: data[:at] + other[at:],
    }[
        rng.choice(
            ["flip"] * 4 + ["cut", "append", "space", "insert", "overwrite", "drop", "double", "concatenate", "splice"]
        )
    ]()
    return changed if changed != data else data + b"\x00"


def accepted_archives(world: World, kept: BackupMade, tmp_path: Path, count: int) -> list[int]:
    """Which of many changed archives were restored; two of three past the hash, at the reader itself."""
    rng = random.Random(4)
    archive = copy_of(kept, tmp_path / "b")
    # Of another moment: one of the same would hold the very bytes that the manifest lists.
    world.ctx.store.append_audit(AuditEvent("test.act", "done", "op-0"), at=world.ctx.clock.now())
    other = world.back_up(tmp_path / "other").archive.read_bytes()
    sound, identities = archive.read_bytes(), read_identities(world.identity_file)
    plain = plain_archive(world, kept)
    believed = open_backup(archive, world.trust)
    recipients, accepted = read_recipients([world.recipient]), []
    for number in range(count):
        try:
            if number % 3 == 2:  # somebody signed for the encryption of something else
                with archive.open("wb") as file:
                    encrypt(compress(iter([mutate(plain, plain[::-1], rng)])), file, recipients)
            else:
                archive.write_bytes(mutate(sound, other, rng))
            opened = believed if number % 3 else open_backup(archive, world.trust)
            restore_backup(world.ctx, opened, tmp_path / "r", identities)
            accepted.append(number)
        except EngineError:
            pass
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "other"], number
    return accepted


def accepted_manifests(world: World, kept: BackupMade, count: int) -> list[int]:
    """Which of many changed manifests were believed."""
    rng = random.Random(5)
    sound = manifest_path(kept.archive).read_bytes()
    accepted = []
    for number in range(count):
        try:
            world.trust.open(mutate(sound, sound[::-1], rng))
            accepted.append(number)
        except EngineError:
            continue
    return accepted


def test_no_changed_archive_is_restored(world: World, kept: BackupMade, tmp_path: Path) -> None:
    assert accepted_archives(world, kept, tmp_path, 150) == []


def test_no_changed_manifest_is_believed(world: World, kept: BackupMade) -> None:
    assert accepted_manifests(world, kept, 150) == []


@pytest.mark.slow
def test_of_5000_changed_archives_none_is_restored(
    world: World, kept: BackupMade, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Nor is a file left anywhere but where the archive lies."""
    assert accepted_archives(world, kept, tmp_path, 5_000) == []
    record_property("tried", "5,000 archives, 0 accepted")


@pytest.mark.slow
def test_of_1000_changed_manifests_none_is_believed(
    world: World, kept: BackupMade, record_property: Callable[[str, object], None]
) -> None:
    assert accepted_manifests(world, kept, 1_000) == []
    record_property("tried", "1,000 manifests, 0 accepted")


# Hostile members


def hostile(kind: str) -> tarfile.TarInfo:
    """A member that a naive reader would do harm with."""
    member = tarfile.TarInfo("capctl.toml")
    member.mode = 0o600
    changes: dict[str, dict[str, Any]] = {
        "absolute": {"name": "/tmp/escaped"},
        "parent": {"name": "../escaped"},
        "nested parent": {"name": "checkpoints/../../escaped"},
        "symbolic link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        "hard link": {"type": tarfile.LNKTYPE, "linkname": "capctl.sqlite"},
        "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
        "pipe": {"type": tarfile.FIFOTYPE},
        "setuid": {"mode": 0o4755},
        "case clash": {"name": "CAPCTL.SQLITE"},
        "unlisted": {"name": "keys/response.pem"},
        "directory": {"type": tarfile.DIRTYPE},
        "duplicate": {"name": "capctl.sqlite"},
    }
    for name, value in changes[kind].items():
        setattr(member, name, value)
    return member


HOSTILE = (
    "absolute",
    "parent",
    "nested parent",
    "symbolic link",
    "hard link",
    "device",
    "pipe",
    "setuid",
    "case clash",
    "unlisted",
    "directory",
    "duplicate",
)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", ["first", "instead", "last"])
def test_a_hostile_member_is_refused(world: World, kept: BackupMade, tmp_path: Path, kind: str, place: str) -> None:
    """Before, instead of, or after the members that are listed; in an archive that is sound otherwise."""
    plain = plain_archive(world, kept)
    header = hostile(kind).tobuf(tarfile.PAX_FORMAT)
    last = kept.manifest.members[-1]
    start = len(plain) - 1024 - (last.size + 511) // 512 * 512 - 512
    changed = {
        "first": header + plain,
        "instead": plain[:start] + header + plain[start + 512 :],
        "last": plain[:-1024] + header + plain[-1024:],
    }[place]
    folder = tmp_path / "staging"
    folder.mkdir()
    unpacker = Unpacker(kept.manifest.members, folder, lambda _: None)
    with pytest.raises(Refused, match="not the one that the manifest describes"):
        unpacker.write(b"".join(compress(iter([changed]))))
    assert [path.name for path in tmp_path.iterdir()] == ["staging"]
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}
    assert made <= {member.path for member in kept.manifest.members}


def test_a_manifest_cannot_name_another_place(world: World, kept: BackupMade, tmp_path: Path) -> None:
    """Not even the holder of the backup key has a restore write elsewhere."""
    for path in ("../escaped", "/tmp/escaped", "keys/response.pem", "CAPCTL.SQLITE", ""):
        members = tuple(sorted((*kept.manifest.members, replace(kept.manifest.members[0], path=path)), key=str))
        payload = replace(kept.manifest, members=members).payload()
        with pytest.raises(InvalidInput, match="other files"):
            world.trust.open(seal(MANIFEST_TYPE, payload, [world.signer]))


@pytest.mark.parametrize("name", ["policies", "audit", "etag"])
def test_a_registry_that_is_not_what_the_manifest_promises_is_refused(
    world: World, kept: BackupMade, tmp_path: Path, name: str
) -> None:
    """The files are as signed, and what the manifest says of their content is not."""
    manifest = kept.manifest
    if name == "policies":
        manifest = replace(manifest, policies=manifest.policies[:1])
    elif name == "audit":
        manifest = replace(manifest, audit=replace(manifest.audit, root="0" * 64))
    else:
        manifest = replace(manifest, policies=(replace(manifest.policies[0], etag='"x"'), *manifest.policies[1:]))
    opened = OpenedBackup(kept.archive, manifest, "kid", kept.manifest_sha3)
    with pytest.raises(Refused, match="not what was backed up"):
        restore_backup(world.ctx, opened, tmp_path / "r", read_identities(world.identity_file))
    assert list(tmp_path.iterdir()) == []


def test_a_registry_with_another_root_than_the_one_that_was_noted_is_not_restored(
    world: World, kept: BackupMade, tmp_path: Path
) -> None:
    """Whoever has the backup key has not the root's: a keyring of their own stays outside."""
    noted = replace(world.ctx.settings, root_kids=(world.signer.public_key.kid,))
    with open_context(noted, actor="oncall") as ctx, pytest.raises(Refused) as refused:
        restore_backup(
            ctx, open_backup(kept.archive, world.trust), tmp_path / "r", read_identities(world.identity_file)
        )
    assert refused.value.code == "keys.other_root"
    assert list(tmp_path.iterdir()) == []


# A failing disk


class FailingDisk:
    """Fails at the n-th call that makes, writes, synchronises or renames something, and at no other.

    Args:
        monkeypatch: Puts it in place.
        number: Which call.
        code: What it reports.
    """

    CALLS = ("open", "write", "fsync", "mkdir", "rename")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> None:
        self.left, self._code = number, code
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._failing(getattr(os, name)))

    def _failing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments, **named)

        return call


def failures(code: int) -> Iterator[tuple[int, pytest.MonkeyPatch, FailingDisk]]:
    """A disk that fails at its first call, at its second, and so on."""
    for number in range(1, 500):
        with pytest.MonkeyPatch.context() as monkeypatch:
            yield number, monkeypatch, FailingDisk(monkeypatch, number, code)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_no_backup_behind(world: World, tmp_path: Path, code: int) -> None:
    for _, monkeypatch, disk in failures(code):
        try:
            create_backup(world.ctx, tmp_path, [world.recipient], world.signer)
            if disk.left > 0:
                break
        except Unavailable:
            pass
        monkeypatch.undo()
        left = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
        assert len(left) in (0, 2), left
        for path in tmp_path.glob("capctl-*"):
            path.unlink()
    else:
        pytest.fail("it never succeeded")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_no_target_behind(
    world: World, kept: BackupMade, tmp_path: Path, code: int
) -> None:
    opened = open_backup(kept.archive, world.trust)
    identities = read_identities(world.identity_file)
    for _, monkeypatch, disk in failures(code):
        try:
            restore_backup(world.ctx, opened, tmp_path / "r", identities)
            if disk.left > 0:
                break
        except EngineError:
            monkeypatch.undo()
            assert not (tmp_path / "r").exists()
            continue
        shutil.rmtree(tmp_path / "r")
    else:
        pytest.fail("it never succeeded")
