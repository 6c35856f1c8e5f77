"""The keyring and its rotations, as operations use and show them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.clock import from_rfc3339
from engine.errors import InvalidInput, NotFound
from engine.ops.results.keys import (
    RETIRED,
    KeyDetail,
    KeyList,
    RotationStatus,
    ShownKey,
    ShownReplica,
    ShownRequirement,
)
from engine.trust.custody import INITIAL, PURPOSES, custody_of
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry, KeyStatus, Phase
from engine.trust.remains import remains
from engine.trust.rotating import Rotations, Standing
from engine.trust.rotation import NEXT, Reason
from engine.trust.rotation_gates import is_gone, is_silent

if TYPE_CHECKING:
    from engine.context import EngineContext


def list_keys(ctx: EngineContext, *, everywhere: bool = False) -> KeyList:
    """The keyring, an expired one too: whoever renews it wants to see it. Raises as `Keeper.believed`.

    Args:
        ctx: Whose keys.
        everywhere: Look on servers too for keys that should not lie there, which takes as long as they do.
    """
    custody = custody_of(ctx)
    believed = custody.keeper.believed()
    ring = believed.ring if believed else None
    found = remains(custody, ring, everywhere=everywhere)
    return KeyList(
        env=ctx.env,
        version=ring.version if ring else 0,
        issued_at=ring.issued_at if ring else None,
        expires=ring.expires if ring else None,
        keys=tuple(_shown(key, custody.now()) for key in ring.keys) if ring else (),
        orphans=found.orphans,
        undestroyed=found.undestroyed,
        unasked=found.unasked,
    )


def show_key(ctx: EngineContext, kid: str) -> KeyDetail:
    """One key, by its id or the beginning of it.

    Raises:
        NotFound: No key's id begins so.
        InvalidInput: Several do.
    """
    custody = custody_of(ctx)
    believed = custody.keeper.believed()
    found = [key for key in (believed.ring.keys if believed else ()) if kid and key.kid.startswith(kid)]
    if not found:
        raise NotFound("keys.unknown", f"There is no key {kid[:64]!r}", "See which there are: capctl keys list.")
    if len(found) > 1:
        raise InvalidInput("keys.ambiguous", f"{len(found)} keys begin like that", "Give more of the key id.")
    return KeyDetail(_shown(found[0], custody.now()), found[0].public_key.to_jwk())


def initialise(ctx: EngineContext, purpose: str | None) -> KeyList:
    """Make a key for a purpose that has none; for those that every environment needs where none is named."""
    wanted = [_purpose(purpose)] if purpose else INITIAL
    if not ctx.rehearsing:
        custody_of(ctx).enrol(wanted)
    return list_keys(ctx)


def renew(ctx: EngineContext) -> KeyList:
    """Issue the keyring anew, with a new term."""
    custody = custody_of(ctx)
    believed = custody.keeper.believed()
    if believed is None:
        raise NotFound("keys.none", "There is no keyring yet", "Make it: capctl keys init.")
    if not ctx.rehearsing:
        custody.commit(believed.ring, "keys.renew")
    return list_keys(ctx)


def status(ctx: EngineContext, purpose: str) -> RotationStatus:
    """Where a rotation stands."""
    return _described(ctx, rotations(ctx).standing(_purpose(purpose)))


def prepare(ctx: EngineContext, purpose: str, backend: str | None = None) -> RotationStatus:
    """Make the new key; where the setting `key_backend` says, if no place is named."""
    rotations(ctx).prepare(_purpose(purpose), backend)
    return status(ctx, purpose)


def dual_accept(ctx: EngineContext, purpose: str) -> RotationStatus:
    """Accept the new key."""
    rotations(ctx).dual_accept(_purpose(purpose))
    return status(ctx, purpose)


def switch(ctx: EngineContext, purpose: str) -> RotationStatus:
    """Sign with the new key."""
    rotations(ctx).switch(_purpose(purpose))
    return status(ctx, purpose)


def decommission(ctx: EngineContext, purpose: str, at: str) -> RotationStatus:
    """Set the end of the old key."""
    rotations(ctx).decommission(_purpose(purpose), from_rfc3339(at) if at else None)
    return status(ctx, purpose)


def abort(ctx: EngineContext, purpose: str) -> RotationStatus:
    """Give the new key up."""
    rotations(ctx).abort(_purpose(purpose))
    return status(ctx, purpose)


def revoke(ctx: EngineContext, kid: str, reason: str) -> RotationStatus:
    """Accept nothing any more that a key ever signed."""
    key = show_key(ctx, kid).key
    return status(ctx, rotations(ctx).revoke(key.kid, Reason(reason)))


def rotations(ctx: EngineContext) -> Rotations:
    """Who carries rotations out in a context."""
    return Rotations(custody_of(ctx), ctx.settings, ctx.random_bytes, emit=ctx.emit, rehearsing=ctx.rehearsing)


def _purpose(name: str) -> KeyPurpose:
    if name not in PURPOSES:
        raise InvalidInput("keys.unknown_purpose", f"Keys have no purpose {name!r}", f"Known: {', '.join(PURPOSES)}.")
    return KeyPurpose(name)


def _described(ctx: EngineContext, standing: Standing) -> RotationStatus:
    ring, purpose, now = standing.ring, standing.purpose, standing.now
    rotation, signing = ring.rotations.get(purpose), ring.signing(purpose)
    return RotationStatus(
        env=ctx.env,
        purpose=purpose.value,
        phase=standing.phase.value,
        since=rotation.since if rotation else None,
        old_kid=rotation.old_kid if rotation else "",
        new_kid=rotation.new_kid if rotation else "",
        signing_kid=signing.kid if signing else "",
        accepted=tuple(_shown(key, now) for key in ring.of(purpose) if key.accepts(now)),
        next_step=NEXT[standing.phase].value,
        requirements=tuple(
            ShownRequirement(need.code, need.text, need.met, need.detail, need.wait_s) for need in standing.requirements
        ),
        can_abort=standing.phase in (Phase.PREPARED, Phase.DUAL),
        replicas=tuple(
            ShownReplica(
                replica.replica,
                replica.keyring_version,
                (now - replica.at).total_seconds(),
                is_silent(replica, now),
                is_gone(replica, now),
            )
            for replica in standing.replicas
        ),
        entries=standing.entries,
        entries_left=standing.entries_left,
        keyring_version=ring.version,
        expires=ring.expires,
        reason=rotation.reason if rotation else "",
        at=now,
    )


def _shown(key: KeyEntry, now: datetime) -> ShownKey:
    return ShownKey(
        kid=key.kid,
        purpose=key.purpose.value,
        status=RETIRED if key.status is KeyStatus.RETIRING and not key.accepts(now) else key.status.value,
        accepted=key.accepts(now),
        signs=key.status is KeyStatus.ACTIVE,
        not_before=key.not_before,
        sign_from=key.sign_from,
        verify_until=key.verify_until,
        backend_ref=key.backend_ref,
    )
