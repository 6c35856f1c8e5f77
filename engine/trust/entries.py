"""Signs the registry's statements with its key, and checks them against the keyring."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from engine.canonical import canonical_json, strict_json
from engine.errors import Refused
from engine.ids import hash_bytes
from engine.trust.custody import Custody
from engine.trust.dsse import seal, unseal
from engine.trust.keyfile import KeyPurpose

MAX_CHECKED: Final = 65_536
"""Statements whose signatures are remembered as good; each takes about a hundred bytes."""


class RegistrySealer:
    """Implements `engine.ports.EntrySealer` on an environment's keys.

    Checking a signature is remembered by the hash of the envelope: a verifier that looks at ten thousand policies
    after each change checks each of them once. Which keys count is asked anew every time.

    Args:
        custody: The environment's keys.
    """

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._checked: OrderedDict[tuple[str, str], tuple[frozenset[str], bytes]] = OrderedDict()

    def prepare(self) -> None:
        self._custody.signer(KeyPurpose.REGISTRY)

    def seal(self, kind: str, statement: Mapping[str, object]) -> bytes:
        signer = self._custody.signer(KeyPurpose.REGISTRY)
        ring = self._custody.keyring()
        assert ring is not None, "it has the key that signs"
        return seal(kind, canonical_json({**statement, "keyring_version": ring.version}), [signer])

    def opened(self, kind: str, envelope: bytes) -> Mapping[str, object]:
        ring, keys = self._custody.keyring(), self._custody.accepted(KeyPurpose.REGISTRY)
        place = (kind, hash_bytes(envelope))
        kids, payload = self._checked.get(place, (frozenset(), b""))
        if kids.isdisjoint(keys):
            opened = unseal(envelope, kind, keys)
            kids, payload = opened.kids, opened.payload
            self._remember(place, kids, payload)
        statement = strict_json(payload, what="The statement")
        version = statement.get("keyring_version") if isinstance(statement, dict) else None
        if ring is None or type(version) is not int or version > ring.version:
            raise Refused("keys.from_the_future", "It was signed under a keyring that is not known here", "Restore it.")
        return dict(statement)

    def _remember(self, place: tuple[str, str], kids: frozenset[str], payload: bytes) -> None:
        self._checked[place] = (kids, payload)
        if len(self._checked) > MAX_CHECKED:
            self._checked.popitem(last=False)
