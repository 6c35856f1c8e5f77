"""The signature of the tech lead: what it covers, and what has changed since.

The signed statement binds the items and how each stood, the evidence, and the world it was signed for: image, chart,
policies, keyring, and where the audit trail was. Anything bound that is different now makes the signature void, by
name.

The trail alone may grow: it must still be, up to the bound size, what it was then (see `engine.readiness.trail`). The
root of the tree over it (RFC 6962, section 2.1) is bound too: with it a single record can be proven years later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from engine.canonical import canonical_json, strict_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import Held, InvalidInput, Refused
from engine.readiness.items import Checklist
from engine.readiness.review import ItemState, Standing
from engine.readiness.trail import TrailMark
from engine.trust.dsse import seal, unseal
from engine.trust.jwk import PublicKey
from engine.trust.signer import Signer

PAYLOAD_TYPE: Final = "application/vnd.capctl.orr.v1+json"
LONGEST_VALIDITY: Final = timedelta(days=14)

TELL_CHART: Final = (
    "deploy with `capctl deploy apply`, or with the command that `capctl deploy plan` shows:"
    " it tells the release its chart"
)
"""What to do about a release that does not know which chart it was made of."""


@dataclass(frozen=True, slots=True)
class World:
    """What a review is signed for."""

    env: str
    image: str
    """Reference with digest; empty where nothing is deployed from an image (the local target)."""
    chart: str
    """Hash over the chart's files; empty where there is none, or where a release does not say."""
    policies: Mapping[str, str]
    """`ir_hash` by policy id: everything published."""
    keyring_version: int
    trail_size: int
    trail_root: str
    """Hexadecimal root of the audit trail's tree at that size."""
    trail_head: str
    """Hash of its last line at that size."""

    @property
    def trail(self) -> TrailMark:
        """Where the audit trail was."""
        return TrailMark(self.trail_size, self.trail_head)


@dataclass(frozen=True, slots=True)
class Statement:
    """What was signed."""

    checklist: str
    items: tuple[Mapping[str, Any], ...]
    world: World
    signed_at: datetime
    valid_until: datetime
    kid: str = ""
    """Who signed; known only of a verified statement."""


def sign_review(
    checklist: Checklist, states: Sequence[ItemState], world: World, signer: Signer, *, at: datetime, until: datetime
) -> bytes:
    """Sign a review that nothing blocks.

    Returns:
        The DSSE envelope.

    Raises:
        Held: An item of high severity is not met; the message names them.
        InvalidInput: The validity is not within bounds.
        What `Signer.sign` raises.
    """
    require_unblocked(states)
    if not at < until <= at + LONGEST_VALIDITY:
        raise InvalidInput(
            "orr.validity", "The signature must end in the future", f"It may last {LONGEST_VALIDITY.days} days at most."
        )
    payload = canonical_json(
        {
            "checklist": checklist.hash,
            "items": [_write_item(state) for state in states],
            "world": _write_world(world),
            "signed_at": to_rfc3339(at),
            "valid_until": to_rfc3339(until),
        }
    )
    return seal(PAYLOAD_TYPE, payload, [signer])


def require_unblocked(states: Sequence[ItemState]) -> None:
    """Refuse to sign while something of high severity is not met. Raises Held, which names it."""
    blocking = [state.item.id for state in states if state.blocks]
    if blocking:
        what = "An item" if len(blocking) == 1 else f"{len(blocking)} items"
        raise Held(
            "orr.blocked",
            f"{what} of high severity {'is' if len(blocking) == 1 else 'are'} not met: {_few(blocking)}",
            "Meet what is open (capctl orr check, capctl orr attest), or waive it with a reason and a second person.",
        )


def require_known_chart(world: World) -> None:
    """Refuse to sign for a release that runs from an image and does not say which chart it was made of. Raises Held."""
    if world.image and not world.chart:
        raise Held(
            "orr.chart_unknown",
            "This release does not say which chart it was made of: nobody can sign for it",
            f"{TELL_CHART[0].upper()}{TELL_CHART[1:]}.",
        )


def read_statement(envelope: bytes, keys: Mapping[str, PublicKey]) -> Statement:
    """Check the signature and read what it covers.

    Args:
        envelope: Unverified.
        keys: By key id: keys whose purpose is the readiness review.

    Raises:
        InvalidInput: It is no signed review.
        Refused: It was changed, or signed by a key that is not for this.
    """
    unsealed = unseal(envelope, PAYLOAD_TYPE, keys)
    document = strict_json(unsealed.payload, what="The signed review")
    try:
        return Statement(
            checklist=document["checklist"],
            items=tuple(document["items"]),
            world=_read_world(document["world"]),
            signed_at=from_rfc3339(document["signed_at"]),
            valid_until=from_rfc3339(document["valid_until"]),
            kid=min(unsealed.kids),
        )
    except (KeyError, TypeError) as error:
        raise InvalidInput("orr.statement_malformed", "The signed review cannot be read", "Sign it again.") from error


def changes_since(
    statement: Statement,
    checklist: Checklist,
    states: Sequence[ItemState],
    world: World,
    *,
    now: datetime,
    leads_to: Callable[[TrailMark], bool],
) -> tuple[str, ...]:
    """What makes the signature void now, a sentence each; empty while it is valid.

    Args:
        statement: Verified.
        checklist: Today's.
        states: How the items stand now.
        world: As it is now.
        now: When.
        leads_to: Whether today's audit trail is, up to a mark, what it was when the mark was made.
    """
    return (
        *_time_changes(statement, now),
        *_world_changes(statement.world, world, leads_to),
        *_item_changes(statement, checklist, states),
    )


def require_valid(changes: Sequence[str]) -> None:
    """Refuse a signature that something has made void.

    Raises:
        Refused: It is; the message says what has changed.
    """
    if changes:
        raise Refused("orr.void", f"The signature no longer holds: {'; '.join(changes)}", "Review and sign again.")


def _time_changes(statement: Statement, now: datetime) -> list[str]:
    if now >= statement.valid_until:
        return [f"it expired at {to_rfc3339(statement.valid_until)}"]
    if now < statement.signed_at:
        return ["it was signed in the future; a clock is wrong"]
    return []


def _world_changes(signed: World, world: World, leads_to: Callable[[TrailMark], bool]) -> list[str]:
    changes = [
        f"{what} is {_spoken(now)} and was {_spoken(then)}"
        for what, then, now in (
            ("the environment", signed.env, world.env),
            ("the image", signed.image, world.image),
            ("the keyring's version", signed.keyring_version, world.keyring_version),
        )
        if then != now
    ]
    changes += _chart_changes(signed, world)
    for policy_id in sorted(signed.policies.keys() | world.policies.keys()):
        then, now = signed.policies.get(policy_id), world.policies.get(policy_id)
        if then != now:
            what = "was added" if then is None else "is gone" if now is None else "has another IR"
            changes.append(f"the policy {policy_id} {what}")
    if not leads_to(signed.trail):
        changes.append("the audit trail is not the one it was signed over")
    return changes


def _chart_changes(signed: World, world: World) -> list[str]:
    change = f"the chart is {_spoken(world.chart)} and was {_spoken(signed.chart)}"
    if world.image and not world.chart:
        # Also where it was signed without knowing the chart: two unknowns are not the same.
        return [f"{change} ({TELL_CHART})"]
    return [change] if signed.chart != world.chart else []


def _item_changes(statement: Statement, checklist: Checklist, states: Sequence[ItemState]) -> list[str]:
    if statement.checklist != checklist.hash:
        return ["the checklist is another one"]
    signed = {entry["id"]: entry for entry in statement.items}
    return [change for state in states if (change := _item_change(signed[state.item.id], state))]


def _item_change(signed: Mapping[str, Any], state: ItemState) -> str:
    then, now = Standing(signed["standing"]), state.standing
    if state.blocks or (then.is_met and not now.is_met):
        return f"{state.item.id} is {now.value}"
    # A probe that was run again with the same answer is no change; other evidence behind a person's word is one.
    if Standing.ATTESTED in (then, now) and signed["evidence"] != list(state.evidence):
        return f"{state.item.id} rests on other evidence"
    return ""


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _spoken(value: object) -> str:
    return str(value) if value not in ("", None) else "unknown"


def _write_item(state: ItemState) -> dict[str, Any]:
    written: dict[str, Any] = {"id": state.item.id, "standing": state.standing.value, "evidence": list(state.evidence)}
    if state.standing is Standing.WAIVED and state.waiver:
        written |= {
            "reason": state.waiver.reason,
            "by": state.waiver.by,
            "approver": state.waiver.approver,
            "until": to_rfc3339(state.waiver.until),
        }
    return written


def _write_world(world: World) -> dict[str, Any]:
    return {
        "env": world.env,
        "image": world.image,
        "chart": world.chart,
        "policies": dict(world.policies),
        "keyring_version": world.keyring_version,
        "trail": {"size": world.trail_size, "root": world.trail_root, "head": world.trail_head},
    }


def _read_world(document: Mapping[str, Any]) -> World:
    trail = document["trail"]
    return World(
        env=document["env"],
        image=document["image"],
        chart=document["chart"],
        policies=document["policies"],
        keyring_version=document["keyring_version"],
        trail_size=trail["size"],
        trail_root=trail["root"],
        trail_head=trail["head"],
    )
