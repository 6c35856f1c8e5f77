"""What backups lie in a folder, by what their manifests say; nothing is decrypted, and no archive is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from engine.errors import EngineError
from engine.ids import hash_bytes
from engine.recovery.backup import summary
from engine.recovery.disk import told
from engine.recovery.manifest import ARCHIVE_SUFFIX, MANIFEST_SUFFIX, Manifest
from engine.recovery.opening import manifest_path, read_envelope
from engine.recovery.trust import Trust

State: TypeAlias = Literal["complete", "incomplete", "not trusted"]


@dataclass(frozen=True, slots=True)
class ListedBackup:
    """A backup, or what is left of one."""

    name: str
    """Of its archive."""
    state: State
    """`complete`: both files are there, and the size is right; whether the content is, `backup verify` tells."""
    manifest: Manifest | None = None
    """None where it is not believed."""
    problem: str = ""
    manifest_sha3: str = ""
    """Of the manifest's envelope: names this backup in records and reports; empty where it is not believed."""

    def to_json(self) -> dict[str, Any]:
        """The backup as JSON data."""
        facts = summary(self.manifest) if self.manifest else {}
        return {"name": self.name, "state": self.state, "problem": self.problem, **facts}


def list_backups(folder: Path, trust: Trust) -> tuple[ListedBackup, ...]:
    """Every backup of a folder, newest first; what is not trusted or not complete comes last.

    Raises:
        Unavailable: The folder cannot be read.
    """
    with told("The folder of backups"):
        listed = [_look(path, trust) for path in sorted(_archives(folder))]
    unknown = [backup for backup in listed if backup.manifest is None]
    known = [backup for backup in listed if backup.manifest is not None]
    known.sort(key=lambda backup: backup.manifest.created_at.timestamp() if backup.manifest else 0.0, reverse=True)
    return (*known, *unknown)


def _archives(folder: Path) -> Iterator[Path]:
    """Whatever is an archive by its name, or has a manifest; an archive may have any name."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    for name in names:
        if name.endswith(MANIFEST_SUFFIX):
            yield folder / name.removesuffix(MANIFEST_SUFFIX)
        elif name.endswith(ARCHIVE_SUFFIX) and name + MANIFEST_SUFFIX not in names:
            yield folder / name


def _look(archive: Path, trust: Trust) -> ListedBackup:
    if not manifest_path(archive).exists():
        return ListedBackup(archive.name, "incomplete", problem="its manifest is missing")
    try:
        envelope = read_envelope(manifest_path(archive))
        manifest, _ = trust.open(envelope)
    except EngineError as error:
        return ListedBackup(archive.name, "not trusted", problem=error.message)
    problem = _problem(archive, manifest)
    return ListedBackup(archive.name, "incomplete" if problem else "complete", manifest, problem, hash_bytes(envelope))


def _problem(archive: Path, manifest: Manifest) -> str:
    if not archive.is_file():
        return "its archive is missing"
    return "" if archive.stat().st_size == manifest.archive_size else "its archive has another size"
