"""Verifying the audit trail: the registry's own, an export, the proof of one record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from engine.audit import Checkpoint, read_checkpoint
from engine.audit.verification import TrailReport, verify_trail
from engine.context import Progress
from engine.errors import EngineError, InvalidInput, Refused
from engine.ops.files import read_bytes
from engine.ops.results.audit import Finding, Verification
from engine.ports import AuditState
from engine.trust.checkpoint_file import NOTES_NAME, CheckpointFile
from engine.trust.notes import NoteKey, open_note, read_note_key

if TYPE_CHECKING:
    from engine.context import EngineContext

LARGEST_EXPORT: Final = 2 * 1024**3
"""Largest export that is read, in bytes: seven million records."""

PROGRESS_EVERY: Final = 10_000

OWN_KEY: Final = "It was checked with the key it brings along: compare that with one you have from elsewhere (--key)."


def verify_registry(ctx: EngineContext, kept: str, key: str) -> Verification:
    """Verify the registry's trail against its second place.

    Args:
        ctx: Progress is told to it.
        kept: A file with a checkpoint that somebody kept elsewhere; empty for none.
        key: The verifier key to check with, or a file with it; empty for the one in the second place.

    Raises:
        InvalidInput: One of the files is not what it should be.
        Refused: The checkpoint that was kept is not signed with the key.
        Unavailable: The registry cannot be read.
    """
    # In this order: what is added meanwhile makes the trail longer than what is known of it, never shorter.
    state = ctx.store.audit_state()
    place = _SecondPlace(ctx, state, given_key(key))
    checkpoints = [*place.checkpoints, *([kept_checkpoint(kept, place.keys)] if kept else ())]
    report = verify_trail(
        _told(ctx, ctx.store.audit_lines(), state.head.seq),
        head=state.head,
        tree=state.tree,
        checkpoints=[checkpoint for checkpoint in checkpoints if checkpoint.origin == state.origin],
    )
    return Verification(
        "registry",
        state.origin,
        records=report.size,
        covered=report.covered,
        checkpoints=len(checkpoints),
        findings=(*_breaks(report), *_beyond_the_end(ctx, report), *_foreign(checkpoints, state), *place.findings),
        remarks=_uncovered(report),
    )


def verify_export(path: str, kept: str, key: str) -> Verification:
    """Verify an export, or the one inside a report, offline.

    Raises as `verify_registry`, and Refused where its checkpoint is not signed.
    """
    from engine.trust.trail_documents import read_export

    expected = given_key(key)
    signed, lines = read_export(_of_report(read_bytes(path, what="export", limit=LARGEST_EXPORT)), expected)
    checkpoints = [signed.checkpoint, *([kept_checkpoint(kept, [signed.key])] if kept else ())]
    report = verify_trail(lines, checkpoints=checkpoints)
    return Verification(
        "export",
        signed.checkpoint.origin,
        records=report.size,
        covered=report.covered,
        checkpoints=len(checkpoints),
        findings=_breaks(report),
        remarks=(*_uncovered(report), *(() if expected else (OWN_KEY,))),
    )


def _of_report(document: bytes) -> bytes:
    """The export inside a report; what is no report is taken as it is."""
    from engine.report.html import embedded_export

    if not document.startswith(b"<!doctype html>"):
        return document
    try:
        return embedded_export(document)
    except ValueError:
        raise InvalidInput(
            "audit.no_export", "That report carries no audit trail", "It was made before the first checkpoint."
        ) from None


def verify_proof(path: str, kept: str, key: str) -> Verification:
    """Verify the proof of a record, offline. Raises as `verify_registry`; what it fails to prove is a finding."""
    from engine.trust.trail_documents import read_proof

    expected = given_key(key)
    proven = read_proof(read_bytes(path, what="proof"), expected)
    known = kept_checkpoint(kept, [proven.signed.key]) if kept else None
    findings = []
    try:
        proven.verify(known)
    except Refused as refusal:
        findings.append(Finding(proven.record.seq, f"record {proven.record.seq}", refusal.message))
    size = proven.signed.checkpoint.size
    return Verification(
        "proof",
        proven.signed.checkpoint.origin,
        records=size,
        covered=0 if findings else size,
        checkpoints=1 + (known is not None),
        findings=tuple(findings),
        remarks=() if expected else (OWN_KEY,),
        record=proven.record,
    )


def given_key(key: str) -> NoteKey | None:
    """A verifier key as it was given: itself, or the file it stands in; None where none was."""
    if not key:
        return None
    is_key = key.count("+") >= 2 and "\n" not in key
    return read_note_key(key if is_key else read_bytes(key, what="key", limit=65_536).decode("utf-8", "replace"))


def kept_checkpoint(path: str, keys: Iterable[NoteKey]) -> Checkpoint:
    """A checkpoint that somebody kept in a file of its own. Raises InvalidInput and Refused."""
    note = read_bytes(path, what="checkpoint", limit=65_536).decode("utf-8", "replace")
    return read_checkpoint(open_note(note, keys))


class _SecondPlace:
    """What the second place says, and what is wrong with it."""

    def __init__(self, ctx: EngineContext, state: AuditState, key: NoteKey | None) -> None:
        self.keys: Sequence[NoteKey] = (key,) if key else ()
        self.checkpoints: list[Checkpoint] = []
        self.findings: list[Finding] = []
        file = CheckpointFile(ctx.settings.checkpoint_path)
        try:
            kept = file.read()
            self.keys = self.keys or file.keys()
        except EngineError as error:
            self.findings.append(Finding(None, "checkpoints", error.message))
            return
        self._open(kept.notes)
        if kept.remainder:
            place = f"checkpoint {len(kept.notes) + 1}"
            self.findings.append(Finding(None, place, f"{NOTES_NAME} goes on with something that is no checkpoint"))
        self._compare(state, kept.notes)

    def _open(self, notes: Sequence[str]) -> None:
        # With a lost or foreign key all of them are wrong in the same way, and there may be thousands.
        refused: dict[str, list[int]] = {}
        for number, note in enumerate(notes, start=1):
            try:
                self.checkpoints.append(read_checkpoint(open_note(note, self.keys)))
            except EngineError as error:
                refused.setdefault(error.message, []).append(number)
        for problem, (first, *others) in refused.items():
            place = f"checkpoint {first}" + (f" and {len(others)} more" if others else "")
            self.findings.append(Finding(None, place, problem))

    def _compare(self, state: AuditState, notes: Sequence[str]) -> None:
        if state.checkpoint and state.checkpoint not in notes:
            problem = (
                f"the one of {state.covered.size} records, which the registry remembers, is gone from {NOTES_NAME}"
            )
            self.findings.append(Finding(None, "checkpoints", problem))
        elif not notes and state.head.seq:
            problem = "none is kept: nothing outside the registry speaks for it"
            self.findings.append(Finding(None, "checkpoints", problem))


def _told(ctx: EngineContext, lines: Iterable[bytes], total: int) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if number % PROGRESS_EVERY == 0:
            ctx.emit(Progress("verifying", number, max(total, number)))
        yield line


def _breaks(report: TrailReport) -> tuple[Finding, ...]:
    return tuple(Finding(found.position, f"record {found.position}", found.problem) for found in report.breaks)


def _beyond_the_end(ctx: EngineContext, report: TrailReport) -> tuple[Finding, ...]:
    end = ctx.store.audit_head().seq
    if report.size <= end:
        return ()
    return (Finding(end + 1, f"record {end + 1}", f"it stands after the end: {end} records were made"),)


def _foreign(checkpoints: Iterable[Checkpoint], state: AuditState) -> tuple[Finding, ...]:
    foreign = sum(checkpoint.origin != state.origin for checkpoint in checkpoints)
    if not foreign:
        return ()
    problem = f"{foreign} of them belong to another registry: this one was replaced, or checkpoint_dir is shared"
    return (Finding(None, "checkpoints", problem),)


def _uncovered(report: TrailReport) -> tuple[str, ...]:
    left = report.size - report.covered
    if not left or report.breaks:
        return ()
    return (f"The last {left} of {report.size} records are in no checkpoint yet; the chain alone speaks for them.",)
