"""Which keyring version is believed: the next one of the one before, and none that is older than what was seen.

Pure. A version is signed by as many root keys of its predecessor as that one asks for, and of its own; the first one
by its own alone, and is believed because nothing was seen before it, or because somebody noted whose root keys it has.

Source: The Update Framework, specification 1.0.33, section 5.3 (how a client updates the root role).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.errors import Refused
from engine.ids import hash_bytes
from engine.trust.dsse import unseal, unverified_payload
from engine.trust.keyring import KEYRING_TYPE, Keyring, read_keyring


@dataclass(frozen=True, slots=True)
class Believed:
    """A keyring whose signatures and place were checked."""

    ring: Keyring
    sha3: str
    """Hash of its envelope."""


def first(envelope: bytes) -> Believed:
    """Believe a keyring on first sight.

    Raises:
        InvalidInput: It is none.
        Refused: It is not the first version, or not signed by its own root keys.
    """
    ring = _signed_by_itself(envelope)
    if ring.version != 1:
        raise _refused("keys.version_jump", f"It begins with version {ring.version}, not with the first")
    return Believed(ring, hash_bytes(envelope))


def again(envelope: bytes, version: int, sha3: str) -> Believed:
    """Believe a keyring that was believed before.

    Args:
        envelope: Unverified.
        version: What it was.
        sha3: Hash of its envelope then.

    Raises:
        InvalidInput: It is no keyring.
        Refused: It is another one.
    """
    if hash_bytes(envelope) != sha3:
        raise _refused("keys.replaced", f"Version {version} is not the one that was seen before")
    ring = _signed_by_itself(envelope)
    if ring.version != version:
        raise _refused("keys.replaced", f"Version {ring.version} stands where {version} was")
    return Believed(ring, sha3)


def successor(before: Believed, envelope: bytes) -> Believed:
    """Believe the next version.

    Raises:
        InvalidInput: It is no keyring.
        Refused: It is not the next one, does not name the one before, or too few root keys have signed it.
    """
    ring = _signed_by_itself(envelope)
    if ring.version != before.ring.version + 1:
        raise _refused("keys.version_jump", f"Version {ring.version} follows version {before.ring.version}")
    if ring.prev_sha3 != before.sha3:
        raise _refused("keys.not_continued", f"Version {ring.version} does not continue the one before")
    unseal(envelope, KEYRING_TYPE, before.ring.roots(), threshold=before.ring.threshold)
    return Believed(ring, hash_bytes(envelope))


def last(start: Believed, envelopes: Sequence[bytes]) -> Believed:
    """Believe version after version. Raises as `successor`."""
    for envelope in envelopes:
        start = successor(start, envelope)
    return start


def check_roots(ring: Keyring, known: Collection[str]) -> None:
    """Refuse a keyring with a root key that is not among those that somebody noted elsewhere.

    Args:
        ring: What is to be believed.
        known: Key ids; none: nobody noted any.

    Raises:
        Refused: It has another root key.
    """
    others = sorted(ring.roots().keys() - set(known)) if known else []
    if others:
        raise Refused(
            "keys.other_root",
            f"The keyring has the root key {others[0]}, which root_kids does not name",
            "Compare it with the key id that you noted. If it is another, this is not your registry: restore a backup.",
        )


def check_expiry(ring: Keyring, now: datetime) -> None:
    """Refuse a keyring whose time is over. Raises Refused."""
    if now >= ring.expires:
        raise Refused("keys.expired", "The keyring has expired", "Issue it anew: capctl keys renew.")


def _signed_by_itself(envelope: bytes) -> Keyring:
    # The signatures are those of keys that the payload names, so it is read to find them and believed only with them.
    ring = read_keyring(unverified_payload(envelope, KEYRING_TYPE))
    unseal(envelope, KEYRING_TYPE, ring.roots(), threshold=ring.threshold)
    return ring


def _refused(code: str, problem: str) -> Refused:
    return Refused(
        code, f"The keyring is not believed: {problem}", "Find out who changed the registry, or restore a backup."
    )
