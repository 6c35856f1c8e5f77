"""The candidate of a rollout: kept in the registry by its hash, so that every verifier can load it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.context import EngineContext


def keep_candidate(ctx: "EngineContext", name: str) -> str:
    """Store the IR of a policy id or file without publishing it, and return its hash.

    Raises:
        InvalidInput: The file holds neither a policy nor an IR.
        Unavailable: There is no such policy or file.
    """
    from engine.ops.sources import resolve_policy

    ir = resolve_policy(ctx, name)
    ctx.store.keep(ir)
    return ir.ir_hash
