"""Exports, proofs and checkpoints of the registry's audit trail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from engine.audit import Checkpoint, read_checkpoint, read_record
from engine.errors import Held, NotFound
from engine.ops.results.audit import CheckpointMade, Export, Proof
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.notes import NoteKey, unverified_text

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.trust.trail_documents import Signed


def export_trail(ctx: EngineContext) -> Export:
    """Export the whole trail.

    Raises:
        Held: There is no checkpoint yet.
        Refused: The newest checkpoint is not signed with a kept key.
    """
    from engine.trust import trail_documents

    signed = newest_checkpoint(ctx)
    lines = list(ctx.store.audit_lines())
    document = trail_documents.export_trail(lines, signed)
    return Export(signed.checkpoint.origin, len(lines), min(signed.checkpoint.size, len(lines)), document)


def prove_record(ctx: EngineContext, seq: int, since: str) -> Proof:
    """Prove that a record is in the trail.

    Args:
        ctx: Whose trail.
        seq: Of the record.
        since: A file with an older checkpoint that the reader has; empty for none.

    Raises:
        Held: There is no checkpoint yet.
        NotFound: The newest checkpoint does not reach that far.
        Refused: The trail is not what was signed.
    """
    from engine.ops.trail_verification import kept_checkpoint
    from engine.trust import trail_documents

    signed = newest_checkpoint(ctx)
    known = kept_checkpoint(since, [signed.key]) if since else None
    document = trail_documents.prove_record(ctx.store.audit_lines(), seq, signed, known)
    line = next(ctx.store.audit_lines(after=seq - 1))
    return Proof(read_record(line), signed.checkpoint.size, document)


def make_checkpoint(ctx: EngineContext, *, anew: bool) -> CheckpointMade:
    """Sign the trail as it is, unless it is a rehearsal, which tells of the newest checkpoint.

    Raises:
        Held: Nothing was ever recorded, or another process is making one.
        Refused: The trail does not continue what was signed last.
        EngineError: The key or the second place cannot be used.
    """
    from engine.trust import checkpointing

    file = CheckpointFile(ctx.settings.checkpoint_path)
    if ctx.rehearsing:
        note = file.last()
    else:
        if anew:
            checkpointing.begin_anew(ctx.store, file)
        note = checkpointing.make_checkpoint(
            ctx.store, file, lambda: checkpointing.open_checkpoint_key(ctx.settings, os.environ, ctx.random_bytes)
        )
    if note is None:
        raise Held("audit.no_checkpoint", "There is nothing to sign, or another process is at it", "Try again.")
    checkpoint = read_checkpoint(unverified_text(note))
    key = _key_of(file, checkpoint)
    return CheckpointMade(checkpoint.origin, checkpoint.size, checkpoint.root.hex(), key.to_text(), note)


def newest_checkpoint(ctx: EngineContext) -> Signed:
    """The newest checkpoint in the second place, its signature checked.

    Raises:
        Held: There is none.
        NotFound: The key to check it with is not kept beside it.
        Refused: It is not signed with that key, or the second place is open to others.
        EngineError: The second place cannot be read.
    """
    from engine.trust.trail_documents import Signed

    file = CheckpointFile(ctx.settings.checkpoint_path)
    note = file.last()
    if note is None:
        raise Held("audit.no_checkpoint", "No checkpoint is kept, so nothing can be proven", "capctl audit checkpoint")
    return Signed.open(note, _key_of(file, read_checkpoint(unverified_text(note))))


def _key_of(file: CheckpointFile, checkpoint: Checkpoint) -> NoteKey:
    """The newest key that is kept for a trail."""
    for key in reversed(file.keys()):
        if key.name == checkpoint.origin:
            return key
    raise NotFound(
        "audit.no_key", "The verifier key of the checkpoints is not kept beside them", "Restore audit.vkey from a copy."
    )
