"""Signs results with the key that the keyring names, and follows it through rotations without a restart.

Requests read one immutable state and wait for nothing; `follow` makes the next one, in the thread that talks to the
registry. A keyring that is not believed changes nothing: what was known is gone by until somebody looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from engine.clock import Clock
from engine.errors import Held, NotFound, Refused, Unavailable
from engine.trust.custody import Custody
from engine.trust.jwk import MAX_KEYS, KeyState, PublicKey
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import PUBLISHED, KeyEntry, Keyring
from engine.trust.signing import ResultSigner, SignedResult

MOST_TOMBSTONES: Final = 4
"""Most keys that are published although they are accepted no longer, so that nobody wonders what their id was."""


@dataclass(frozen=True, slots=True)
class _State:
    """What is gone by at one moment."""

    version: int
    signer: ResultSigner
    keys: tuple[KeyEntry, ...]
    seen_at: datetime
    """The highest time that was seen, which a clock set back does not undo."""


class RingSigner:
    """Implements `ResponseSigner` on the keyring's response keys. Made by `open`.

    Args:
        custody: The environment's keys.
        clock: When a key that has an end reaches it.
        state: What the keyring says.
    """

    def __init__(self, custody: Custody, clock: Clock, state: _State) -> None:
        self._custody = custody
        self._clock = clock
        self._state = state

    @classmethod
    def open(cls, custody: Custody, clock: Clock) -> RingSigner:
        """Go by the keyring as it is; outside production, make it where there is none.

        Raises:
            What `Custody.signer` raises.
        """
        return cls(custody, clock, _read(custody, None))

    def follow(self) -> int:
        """Catch up with the keyring.

        Returns:
            The version that results are signed by, and the key set is of.

        Raises:
            What `Custody.signer` raises; nothing has changed then.
        """
        self._state = _read(self._custody, self._state)
        return self._state.version

    @property
    def kid(self) -> str:
        return self._state.signer.kid

    @property
    def is_remote(self) -> bool:
        return self._state.signer.is_remote

    def sign(self, document: Mapping[str, Any], *, plain: bool = False) -> SignedResult:
        try:
            return self._state.signer.sign(document, plain=plain)
        except (NotFound, Refused) as error:  # of the key, which is none of the caller's business
            raise Unavailable("keys.not_usable", "Results cannot be signed now", error.message) from error

    def public_keys(self) -> Sequence[PublicKey]:
        state = self._state
        now = max(state.seen_at, self._clock.now())
        live = [key.public_key for key in state.keys if key.accepts(now)]
        ended = [replace(key.public_key, state=KeyState.RETIRED) for key in state.keys if not key.accepts(now)]
        room = min(MOST_TOMBSTONES, MAX_KEYS - len(live))
        return (*live, *ended[max(len(ended) - room, 0) :])


def _read(custody: Custody, before: _State | None) -> _State:
    ring = custody.keyring()
    now = custody.now()
    if ring is not None and before is not None and ring.version == before.version:
        return replace(before, seen_at=now)
    signer = ResultSigner(custody.signer(KeyPurpose.RESPONSE))
    ring = custody.keyring()  # opening the signer may have made it
    if ring is None:
        raise Held("keys.none", "There is no keyring yet", "Make it: capctl keys init.")
    return _State(ring.version, signer, _published(ring), now)


def _published(ring: Keyring) -> tuple[KeyEntry, ...]:
    return tuple(key for key in ring.of(KeyPurpose.RESPONSE) if key.status in PUBLISHED)
