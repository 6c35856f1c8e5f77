"""The audit trail: who did what, when, on which evidence, and that nobody altered it since."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.audit import CheckpointMade, Export, Proof, Trail, Verification

CHECKPOINT: Final = Arg("A checkpoint that you kept elsewhere; it must fit.", metavar="FILE", suggest="file")
TIME: Final = "RFC 3339, or a date"


@operation("audit.show")
def show(
    ctx: "EngineContext",
    *,
    action: Annotated[str, Arg("Only this operation: rollout.promote, or rollout for all of them.")] = "",
    actor: Annotated[str, Arg("Only what this person did; a name or a pseudonym.", metavar="NAME")] = "",
    outcome: Annotated[str | None, Arg("Only this outcome.", choices=("intent", "done", "refused", "failed"))] = None,
    object: Annotated[
        str,
        Arg("Only what was done to this: the id of a policy or a run, or how a hash or key id begins.", metavar="ID"),
    ] = "",
    since: Annotated[str, Arg(f"Only from this time on ({TIME}).", metavar="TIME")] = "",
    until: Annotated[str, Arg(f"Only before this time ({TIME}).", metavar="TIME")] = "",
    before: Annotated[int, Arg("Only records before this number: a page further back.", metavar="SEQ")] = 0,
    limit: Annotated[int, Arg("The latest so many; 0 for all.", metavar="N")] = 50,
) -> "Trail":
    """Show the audit trail, newest first, with names and reasons where this registry knows them."""
    from engine.ops.trail import Filter, read_trail

    return read_trail(ctx, Filter.of(action, actor, outcome or "", since, until, object=object), limit, before=before)


@operation("audit.verify", key="v")
def verify(
    ctx: "EngineContext",
    *,
    file: Annotated[str, Arg("Verify an export instead of the registry.", metavar="FILE", suggest="file")] = "",
    proof: Annotated[str, Arg("Verify the proof of one record instead.", metavar="FILE", suggest="file")] = "",
    checkpoint: Annotated[str, CHECKPOINT] = "",
    key: Annotated[str, Arg("The verifier key that must have signed it, or a file with it.", metavar="KEY")] = "",
) -> "Verification":
    """Check that the trail is what was recorded, and say where it is not. Exit code 3 when something is wrong.

    The registry's lines are compared with each other, with the tree that grew with them, and with every signed
    checkpoint in the second place. Exports and proofs are verified offline: they need neither registry nor network.
    """
    from engine.ops.trail_verification import verify_export, verify_proof, verify_registry

    if file and proof:
        from engine.errors import InvalidInput

        raise InvalidInput("audit.two_subjects", "--file and --proof were both given", "Verify one after the other.")
    if file:
        return verify_export(file, checkpoint, key)
    return verify_proof(proof, checkpoint, key) if proof else verify_registry(ctx, checkpoint, key)


@operation("audit.export", writes_document=True)
def export(ctx: "EngineContext") -> "Export":
    """Export the whole trail with its newest checkpoint and public key; -o writes it as JSON lines.

    It holds pseudonyms and hashes, no names and no reasons. The same trail makes the same bytes.
    """
    from engine.ops.trail_documents import export_trail

    return export_trail(ctx)


@operation("audit.prove", writes_document=True)
def prove(
    ctx: "EngineContext",
    *,
    seq: Annotated[int, Arg("Number of the record.", positional=True, metavar="SEQ")],
    since: Annotated[
        str, Arg("A checkpoint that the reader has: prove that the trail continues it.", metavar="FILE", suggest="file")
    ] = "",
) -> "Proof":
    """Prove that one record is in the trail, without giving away the others; -o writes the proof."""
    from engine.ops.trail_documents import prove_record

    return prove_record(ctx, seq, since)


@operation("audit.checkpoint", danger=Danger.WRITE, writes_document=True, rehearses=True)
def checkpoint(
    ctx: "EngineContext",
    *,
    anew: Annotated[bool, Arg("Set the kept checkpoints aside first: after a restore, or when they are lost.")] = False,
) -> "CheckpointMade":
    """Sign the trail as it is now; -o writes the checkpoint, to be kept where nobody here can reach it.

    Checkpoints are made by themselves, after 256 records, a minute, or when a process ends. Before one is signed, the
    trail is compared with the last one; where it does not continue it, nothing is signed until somebody begins anew.
    """
    from engine.ops.trail_documents import make_checkpoint

    return make_checkpoint(ctx, anew=anew)
