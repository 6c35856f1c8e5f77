"""A look at backups and drills that is cheap enough to be taken again and again: it reads, and makes nothing.

No archive is read and nothing is decrypted: what a check or a drill found is known from the audit trail and from the
drills' signed reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine import recovery
from engine.audit import read_record
from engine.errors import EngineError, Held
from engine.ops.recovery import recipients_here
from engine.ops.results.audit import ShownRecord
from engine.ops.results.recovery_look import BackupCheck, RecoveryLook, SeenBackup
from engine.recovery.backup import FEWEST_IN_PRODUCTION, no_policies
from engine.recovery.reports import TYPES
from engine.trust.custody import custody_of
from engine.trust.keyfile import KeyPurpose
from engine.trust.rotation import AT_REST, phase

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.settings import Settings
    from engine.trust.jwk import PublicKey

LOOKED_THROUGH: Final = 5_000
"""Audit records that are looked through, the newest; a check that is older than that has to be made again."""

_MARKS: Final = (b'"action":"backup.', b'"action":"drill.', b'"action":"restore.')
"""How records about recovery are told from others without reading them: a line is canonical JSON."""


def look(ctx: EngineContext, *, backups: int, records: int) -> RecoveryLook:
    """Look at the folder of backups, the reports of drills and the trail.

    Args:
        ctx: Whose.
        backups: How many backups at most.
        records: How many audit records at most.

    Raises:
        Refused: The keyring is not what followed from the one that was seen last.
        Unavailable: The registry or the folder cannot be read.
    """
    settings, keys = ctx.settings, custody_of(ctx).accepted(KeyPurpose.BACKUP)
    recipients, own, obstacle = _equipment(settings, has_key=bool(keys))
    if not ctx.store.policies():
        obstacle = no_policies("There is nothing to back up: no policy is published here")
    drills = {
        kind: found for kind in TYPES if (found := recovery.last_report(settings.drill_path, kind, keys)) is not None
    }
    attempts = tuple(_attempts(ctx))
    checks = _checks(attempts, drills)
    listed = _listed(settings.backup_path, keys)[:backups]
    return RecoveryLook(
        at=ctx.clock.now(),
        folder=str(settings.backup_path),
        is_beside=settings.backup_path.is_relative_to(settings.state_dir),
        backups=tuple(_seen(settings.backup_path, backup, own, checks) for backup in listed),
        records=ctx.store.audit_head().seq,
        max_age_s=settings.backup_max_age_s,
        recipients=recipients,
        recipients_needed=_needed(settings),
        identity_path=str(settings.backup_identity_path),
        has_identity=bool(own),
        is_rotating=_is_rotating(ctx),
        obstacle=obstacle,
        drills=drills,
        attempts=attempts[:records],
    )


def _is_rotating(ctx: EngineContext) -> bool:
    believed = custody_of(ctx).keeper.believed()
    return believed is not None and phase(believed.ring, KeyPurpose.RESPONSE) not in AT_REST


def _needed(settings: Settings) -> int:
    return FEWEST_IN_PRODUCTION if settings.is_production else 1


def _equipment(settings: Settings, *, has_key: bool) -> tuple[tuple[str, ...], frozenset[str], EngineError | None]:
    """Who could open a new backup, who of them is on this machine, and why none can be made."""
    try:
        own = _own_recipients(settings.backup_identity_path)
        recipients = recipients_here(settings)
    except EngineError as error:
        return settings.backup_recipients, frozenset(), error
    return recipients, own, _obstacle(settings, recipients, has_key=has_key)


def _own_recipients(path: Path) -> frozenset[str]:
    return frozenset(map(recovery.recipient_of, recovery.read_identities(path))) if path.exists() else frozenset()


def _obstacle(settings: Settings, recipients: Sequence[str], *, has_key: bool) -> EngineError | None:
    if settings.is_production and not has_key:
        return Held(
            "recovery.no_key",
            "There is no backup key, which signs every backup",
            "Make it on the Keys screen, or: capctl keys init --purpose backup.",
        )
    if not recipients:
        return Held(
            "recovery.no_recipient",
            "Nobody could open a backup: there is no recipient",
            "Make an identity, or name recipients in the setting backup_recipients.",
        )
    if len(recipients) < _needed(settings):
        return Held(
            "recovery.one_recipient",
            f"Production asks for {_needed(settings)} recipients, and {len(recipients)} is known",
            "Name both in the setting backup_recipients: with one, a lost identity is a lost backup.",
        )
    return None


def _listed(folder: Path, keys: Mapping[str, PublicKey]) -> tuple[recovery.ListedBackup, ...]:
    return recovery.list_backups(folder, recovery.Trust(keys)) if folder.exists() else ()


def _seen(
    folder: Path, listed: recovery.ListedBackup, own: frozenset[str], checks: Mapping[str, BackupCheck]
) -> SeenBackup:
    opens = listed.manifest is not None and not own.isdisjoint(listed.manifest.recipients)
    return SeenBackup(listed, str(folder / listed.name), opens, checks.get(listed.manifest_sha3))


def _attempts(ctx: EngineContext) -> Iterator[ShownRecord]:
    """The outcomes of what was tried with backups and drills, newest first."""
    for line in islice(ctx.store.audit_lines_back(), LOOKED_THROUGH):
        if any(mark in line for mark in _MARKS):
            record = read_record(line)
            if record.event.outcome != "intent":
                yield ShownRecord(record, ctx.store.actor_name(record.event.actor), "")


def _checks(
    attempts: Sequence[ShownRecord], drills: Mapping[recovery.DrillKind, recovery.KeptReport]
) -> dict[str, BackupCheck]:
    """The latest check of each backup, by its manifest's hash: by `backup.verify`, or by a drill that it passed.

    A drill that failed says nothing against the backup: the verifier that was started on it may be to blame.
    """
    found: dict[str, BackupCheck] = {}
    for shown in reversed(attempts):
        event = shown.record.event
        if event.action == "backup.verify":
            found[event.evidence] = BackupCheck(shown.record.at, event.outcome == "done", event.code)
    if (drill := drills.get("restore")) is not None and drill.ok:
        restored = str(drill.facts["backup"]["manifest_sha3"])
        before = found.get(restored)
        if before is None or before.at < drill.started_at:
            found[restored] = BackupCheck(drill.started_at, ok=True)
    return found
