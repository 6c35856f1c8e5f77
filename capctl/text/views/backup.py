"""How the commands about backups read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Raw, Table, Tone, Toned
from capctl.text.views.words import NOTHING, count, moment
from engine.ops.results.backup import BackupList, Keygen, VerifiedBackup
from engine.recovery import BackupMade, ListedBackup, Manifest

STATES: Final = {
    "complete": Toned("complete ✓", Tone.GOOD),
    "incomplete": Toned("INCOMPLETE ✗", Tone.BAD),
    "not trusted": Toned("NOT TRUSTED ✗", Tone.BAD),
}


def made(result: BackupMade) -> Iterator[Block]:
    """Where it is and what it holds; then what to keep elsewhere."""
    yield Line("backed up ✓", Tone.GOOD)
    yield Raw(str(result.archive))
    yield Gap()
    yield Facts(content(result.manifest))
    yield Gap()
    yield Line("Keep both files together, and note elsewhere which key signed:", Tone.FAINT)
    yield Raw(result.manifest.signer.kid)


def verified(result: VerifiedBackup) -> Iterator[Block]:
    """How far it was looked at, and what it holds."""
    if result.depth == "content":
        yield Line("sound ✓ restored in a hidden folder, read through and removed", Tone.GOOD)
    else:
        yield Line("as signed ✓ its content was not looked at: that takes --identity", Tone.GOOD)
    yield Gap()
    yield Facts(content(result.opened.manifest))


def listing(result: BackupList) -> Iterator[Block]:
    """A backup a row, newest first."""
    if not result.backups:
        yield Line("There are no backups here.")
        return
    rows = [_row(backup) for backup in result.backups]
    yield Table(["made at", "env", "policies", "records", "size", "state", "archive"], rows)
    for backup in result.backups:
        if backup.problem:
            yield Line(f"! {backup.name}: {backup.problem}", Tone.CAUTION)


def keygen(result: Keygen) -> Iterator[Block]:
    """The recipient, and where the other half lies."""
    yield Raw(result.recipient)
    yield Gap()
    yield Line(f"Its identity is in {result.identity_file}. Keep it where the loss of this machine does not reach it.")


def content(manifest: Manifest) -> list[tuple[str, Cell]]:
    """What a backup holds, as facts."""
    return [
        ("made at", f"{moment(manifest.created_at)} in {manifest.env}"),
        ("policies", f"{len(manifest.policies):,}"),
        ("audit trail", count(manifest.audit.size, "record")),
        ("size", f"{manifest.size:,} bytes, {manifest.archive_size:,} encrypted"),
        ("opens for", count(len(manifest.recipients), "recipient")),
        ("signed by", manifest.signer.kid),
    ]


def _row(backup: ListedBackup) -> list[Cell]:
    manifest = backup.manifest
    if manifest is None:
        return [NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, STATES[backup.state], backup.name]
    return [
        moment(manifest.created_at),
        manifest.env,
        f"{len(manifest.policies):,}",
        f"{manifest.audit.size:,}",
        f"{manifest.archive_size:,}",
        STATES[backup.state],
        backup.name,
    ]


VIEWS = {
    "backup.create": made,
    "backup.verify": verified,
    "backup.list": listing,
    "backup.keygen": keygen,
}
