"""Is what was restored what was backed up: read through, before anybody can see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.audit import read_checkpoint
from engine.audit.verification import verify_trail
from engine.context import Progress
from engine.errors import EngineError, Refused
from engine.recovery.backup import no_policies
from engine.trust import succession
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.notes import open_note
from engine.verifier.tags import policy_tag

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.recovery.manifest import Manifest


def check_restored(ctx: EngineContext, manifest: Manifest) -> None:
    """Compare a restored registry with its manifest.

    Args:
        ctx: Of the restored registry.
        manifest: Believed.

    Raises:
        Refused: Something is not as it was, or the keyring is not one that would be believed here.
        Unavailable: The registry cannot be read.
    """
    if not ctx.store.policies():
        raise no_policies("There is no policy in the backup, so nothing would be restored")
    _check_keyring(ctx)
    ctx.emit(Progress("verifying", 0))
    problem = next(problems(ctx, manifest), None)
    if problem is not None:
        raise Refused(
            "recovery.not_what_it_was",
            f"What was restored is not what was backed up: {problem}",
            "Nothing of it was kept. Take another backup, and find out how this one came about.",
        )


def _check_keyring(ctx: EngineContext) -> None:
    """Follow the keyring from its first version, and leave no mark of having seen it: nobody goes by it yet."""
    envelopes = ctx.store.keyrings()
    if envelopes:
        believed = succession.last(succession.first(envelopes[0]), envelopes[1:])
        succession.check_roots(believed.ring, ctx.settings.root_kids)


def problems(ctx: EngineContext, manifest: Manifest) -> Iterator[str]:
    """What is not as the manifest says, a sentence each."""
    yield from ctx.store.check()
    yield from _policies(ctx, manifest)
    yield from _trail(ctx, manifest)


def _policies(ctx: EngineContext, manifest: Manifest) -> Iterator[str]:
    published = {entry.policy_id: entry.ir_hash for entry in ctx.store.policies()}
    for mark in manifest.policies:
        if published.pop(mark.policy_id, None) != mark.ir_hash or policy_tag(mark.ir_hash) != mark.etag:
            yield f"policy {mark.policy_id} has another IR or entity tag"
    if published:
        yield f"policy {min(published)} is not in the manifest"


def _trail(ctx: EngineContext, manifest: Manifest) -> Iterator[str]:
    state, mark = ctx.store.audit_state(), manifest.audit
    if (state.origin, state.head.seq, state.head.hash) != (mark.origin, mark.size, mark.hash):
        yield "the audit trail ends elsewhere"
    file = CheckpointFile(ctx.settings.checkpoint_path)
    try:
        notes, keys = file.read().notes, file.keys()
        if mark.checkpoint and mark.checkpoint not in notes:
            yield "the newest checkpoint of the audit trail is not among those that were restored"
        checkpoints = [read_checkpoint(open_note(note, keys)) for note in notes]
    except EngineError as error:
        yield f"the checkpoints of the audit trail: {error.message}"
        return
    report = verify_trail(ctx.store.audit_lines(), head=state.head, tree=state.tree, checkpoints=checkpoints)
    for found in report.breaks:
        yield f"the audit trail is broken at record {found.position}: {found.problem}"
    if report.tree.root().hex() != mark.root:
        yield "the tree over the audit trail has another root"
