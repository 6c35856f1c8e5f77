"""Whose word counts for a backup. It never comes out of the backup itself.

Either the keys are at hand (this installation's own backup key), or somebody wrote down a key id: it is the key's
thumbprint, so a manifest that brings its signer's public key along proves by it whether that is the key that was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.canonical import canonical_json, strict_json
from engine.errors import Refused
from engine.recovery.manifest import MANIFEST_TYPE, Manifest, malformed, read_manifest
from engine.trust.dsse import unseal, unverified_payload
from engine.trust.jwk import PublicKey


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys whose manifests are believed."""

    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    """By key id."""
    kids: frozenset[str] = frozenset()
    """Key ids that were written down elsewhere."""

    def open(self, envelope: bytes) -> tuple[Manifest, str]:
        """Check a manifest and hand it out.

        Args:
            envelope: Unverified bytes.

        Returns:
            The manifest, and the id of the key that signed it.

        Raises:
            InvalidInput: It is no manifest.
            Refused: Nobody who counts has signed it.
        """
        # One backup has one manifest file: its hash names the backup in records and reports.
        if canonical_json(strict_json(envelope, what="The manifest")) != envelope:
            raise malformed("it is not written as manifests are")
        signer = read_manifest(unverified_payload(envelope, MANIFEST_TYPE)).signer
        keys = dict(self.keys)
        if signer.kid in self.kids:
            keys[signer.kid] = signer
        if signer.kid not in keys:
            raise Refused(
                "recovery.unknown_signer",
                f"The manifest is signed by the key {signer.kid}, which does not count here",
                "If you know that key id from elsewhere, and not from the backup, give it: --trust KID.",
            )
        unsealed = unseal(envelope, MANIFEST_TYPE, {signer.kid: keys[signer.kid]})
        return read_manifest(unsealed.payload), signer.kid
