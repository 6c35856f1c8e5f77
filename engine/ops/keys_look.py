"""A look at the keys that is cheap enough to be taken again and again: it reads, and makes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.ops.keyring import list_keys, status
from engine.ops.results.keys_look import KeysLook
from engine.ops.trail import Filter, read_trail
from engine.trust.custody import custody_of
from engine.trust.keyfile import KeyPurpose
from engine.trust.rotation import ROTATABLE, phase

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.keys import RotationStatus


def look(ctx: EngineContext, purpose: str, *, records: int) -> KeysLook:
    """Look at the keyring and at one rotation.

    Only one, because what a rotation of the registry's key needs is found by reading every statement.

    Args:
        ctx: Whose keys.
        purpose: Whose rotation.
        records: How many audit records at most.

    Raises:
        Refused: The keyring is not what followed from the one that was seen last.
        Unavailable: The registry cannot be read.
    """
    keys = list_keys(ctx)
    rotation: RotationStatus | None = None
    problem: EngineError | None = None
    try:
        rotation = status(ctx, purpose)
    except EngineError as error:
        problem = error
    trail = read_trail(ctx, Filter(action="keys"), records)
    waits_s = ctx.settings.key_announce_s + ctx.settings.key_soak_s if purpose == KeyPurpose.RESPONSE else 0.0
    return KeysLook(keys, _phases(ctx), purpose, rotation, problem, waits_s, trail.records)


def _phases(ctx: EngineContext) -> dict[str, str]:
    believed = custody_of(ctx).keeper.believed()
    ring = believed.ring if believed else None
    return {
        purpose.value: phase(ring, purpose).value if ring is not None and ring.signing(purpose) else ""
        for purpose in ROTATABLE
    }
