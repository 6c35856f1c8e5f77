"""Private keys that lie where none should: some that no keyring names, and some that it holds for dead.

A step of a rotation changes the keyring first and destroys afterwards, so whoever dies in between, or cannot reach the
place, leaves a private key whose signatures count for nothing. It is listed until a later step destroys it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.errors import EngineError, Unavailable
from engine.trust.backend import FILE_SCHEME
from engine.trust.backends import configured
from engine.trust.custody import Custody
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry, Keyring


@dataclass(frozen=True, slots=True)
class Remains:
    """What was found."""

    orphans: tuple[str, ...]
    """Keys that no keyring names: left by somebody who died, or put there. They are never taken up."""
    undestroyed: tuple[str, ...]
    """Keys that the keyring holds for dead."""
    unasked: tuple[str, ...]
    """Back ends that could not be asked for their keys, and why, in words."""


def remains(custody: Custody, ring: Keyring | None, *, everywhere: bool = False) -> Remains:
    """Look for private keys that should not be there.

    Args:
        custody: The environment's keys.
        ring: The newest keyring, if there is one.
        everywhere: Ask the servers too that are configured or named in the keyring, not only for files.
    """
    named = {key.backend_ref for key in ring.keys} if ring else set()
    others = {f"{FILE_SCHEME}:{purpose}.pem" for purpose in KeyPurpose} if ring is None else set()
    known = named | others | {f"{FILE_SCHEME}:{KeyPurpose.TOKENS}.pem"}
    spent = {key.backend_ref for key in _spent(ring.keys)} if ring else set()
    schemes = {FILE_SCHEME}
    if everywhere:
        schemes |= {*configured(custody.settings), *(ref.partition(":")[0] for ref in named)}
    lying: list[str] = []
    unasked: list[str] = []
    for scheme in sorted(schemes):
        try:
            lying += custody.backend(f"{scheme}:").refs()
        except EngineError as error:
            unasked.append(f"{scheme}: {error.message}")
    return Remains(
        tuple(ref for ref in lying if ref not in known), tuple(ref for ref in lying if ref in spent), tuple(unasked)
    )


def undestroyed(custody: Custody, ring: Keyring, purpose: KeyPurpose, *, reachable: bool = False) -> list[KeyEntry]:
    """Keys of a purpose that the keyring holds for dead, and that still lie where they were.

    Args:
        custody: The environment's keys.
        ring: The newest keyring.
        purpose: Whose.
        reachable: Be content with the back ends that answer.

    Raises:
        EngineError: A back end cannot be asked.
    """
    spent = list(_spent(ring.of(purpose)))
    lying: set[str] = set()
    for scheme in sorted({key.backend_ref.partition(":")[0] for key in spent}):
        try:
            lying |= set(custody.backend(f"{scheme}:").refs())
        except EngineError:
            if not reachable:
                raise
    return [key for key in spent if key.backend_ref in lying]


def destroy(custody: Custody, keys: Iterable[KeyEntry], *, step: str) -> None:
    """Destroy private keys, each as far as it can be.

    Args:
        custody: The environment's keys.
        keys: Spent ones.
        step: The command that does it again.

    Raises:
        Unavailable: One of them could not be destroyed.
    """
    failed: list[tuple[KeyEntry, EngineError]] = []
    for key in keys:
        try:
            custody.backend(key.backend_ref).destroy(key.backend_ref)
        except EngineError as error:
            failed.append((key, error))
    if failed:
        (key, problem), *_ = failed
        raise Unavailable(
            "keys.not_destroyed",
            f"The {key.purpose} key {key.kid} counts no longer, but could not be destroyed: {problem.message}",
            f"Then take the step again: {step}.",
        ) from problem


def _spent(keys: tuple[KeyEntry, ...]) -> Iterator[KeyEntry]:
    """Those that are spent; none that lies where another one does that is not."""
    live = {key.backend_ref for key in keys if not key.is_spent}
    return (key for key in keys if key.is_spent and key.backend_ref not in live)
