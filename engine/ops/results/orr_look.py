"""What a screen about the readiness review looks at: the review, and what a signature made now would bind."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ops.results.orr import ShownReview
from engine.readiness.statement import World


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that would sign."""

    kid: str
    place: str
    """Where its private half lies: `file`, `pkcs11`, ..."""
    needs_passphrase: bool
    """Whether somebody has to give its passphrase: it is encrypted, and none is configured."""


@dataclass(frozen=True, slots=True)
class OrrLook:
    """A review at one moment, whole."""

    review: ShownReview
    is_signed: bool
    """Whether somebody has signed it, whatever that is worth now."""
    world: World
    """What a signature made now would bind, besides the items."""
    bound: str
    """Hash of the world and the review's revision, which `orr.sign` can be held to."""
    key: SigningKey | None
    """None where there is none yet."""
    makes_key: bool
    """Whether signing makes the key where there is none: outside of production."""
