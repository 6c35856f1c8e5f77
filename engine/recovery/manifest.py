"""The manifest of a backup: what is in it, what it must look like once restored, and who says so.

It lies beside the archive as a DSSE envelope that the backup key signs, and holds hashes, sizes and ids: neither
policies nor names nor secrets. A document has one spelling, and members have the names below and no others, so that not
even the holder of the backup key can have a restore write elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.canonical import canonical_json, strict_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput
from engine.ids import is_hash
from engine.trust.jwk import PublicKey
from engine.trust.jws import decode_segment, encode_segment

MANIFEST_TYPE: Final = "application/vnd.capctl.backup.v1+json"
"""The payload type of its envelope."""

ARCHIVE_SUFFIX: Final = ".tar.zst.age"
MANIFEST_SUFFIX: Final = ".manifest.json"
"""What the name of the archive is followed by."""

REGISTRY: Final = "capctl.sqlite"
CONFIGURATION: Final = "capctl.toml"
CHECKPOINTS: Final = "checkpoints/audit.checkpoints"
CHECKPOINT_KEYS: Final = "checkpoints/audit.vkey"

MEMBER_NAMES: Final = (REGISTRY, CONFIGURATION, CHECKPOINTS, CHECKPOINT_KEYS)
"""Every name that a member may have: the files of a state directory, keys apart."""

LARGEST_MEMBER: Final = 2**43
"""Eight tebibytes, the largest size that every tar understands."""

_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive."""

    path: str
    size: int
    """In bytes."""
    sha3: str

    def to_json(self) -> dict[str, Any]:
        """The member as JSON data."""
        return {"path": self.path, "size": self.size, "sha3": self.sha3}


@dataclass(frozen=True, slots=True)
class PolicyMark:
    """How a published policy must come back."""

    policy_id: str
    ir_hash: str
    etag: str
    """As the verifier's `GET /policy/{id}` answers, quotes included."""

    def to_json(self) -> dict[str, Any]:
        """The mark as JSON data."""
        return {"policy_id": self.policy_id, "ir_hash": self.ir_hash, "etag": self.etag}


@dataclass(frozen=True, slots=True)
class AuditMark:
    """Where the audit trail ended."""

    origin: str
    size: int
    """Records."""
    hash: str
    """Of the chain's last record."""
    root: str
    """Of the tree over all of them, in hexadecimal digits."""
    checkpoint: str
    """The newest signed checkpoint it covers, a note; empty where there was none."""

    def to_json(self) -> dict[str, Any]:
        """The mark as JSON data."""
        return {
            "origin": self.origin,
            "size": self.size,
            "hash": self.hash,
            "root": self.root,
            "checkpoint": self.checkpoint,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    id: str
    """32 random hexadecimal digits."""
    created_at: datetime
    """Everything that was recorded before is in it."""
    env: str
    tool: str
    """The version of capctl that made it."""
    archive_size: int
    """Of the encrypted archive, in bytes."""
    archive_sha3: str
    members: tuple[Member, ...]
    """Sorted by path."""
    policies: tuple[PolicyMark, ...]
    """Sorted by id."""
    audit: AuditMark
    keyring_version: int
    """0 where there was no keyring yet."""
    schema_version: int
    """Of the registry's tables."""
    recipients: tuple[str, ...]
    """To whom it is encrypted."""
    signer: PublicKey
    """Who signed: so that somebody who knows no more than the key id can check the signature."""

    @property
    def size(self) -> int:
        """Of all members together, in bytes."""
        return sum(member.size for member in self.members)

    def payload(self) -> bytes:
        """What is signed: canonical JSON."""
        return canonical_json(
            {
                "backup": "v1",
                "id": self.id,
                "created_at": to_rfc3339(self.created_at),
                "env": self.env,
                "tool": self.tool,
                "archive": {"size": self.archive_size, "sha3": self.archive_sha3},
                "members": [member.to_json() for member in self.members],
                "policies": [mark.to_json() for mark in self.policies],
                "audit": self.audit.to_json(),
                "keyring_version": self.keyring_version,
                "schema_version": self.schema_version,
                "recipients": list(self.recipients),
                "signer": encode_segment(self.signer.raw).decode(),
            }
        )


def read_manifest(payload: bytes) -> Manifest:
    """Read a manifest.

    Args:
        payload: Of an envelope whose signature may or may not have been checked.

    Raises:
        InvalidInput: It is no manifest in its one spelling, or names a member that no backup has.
        Refused: The signer's key is weak.
    """
    document = strict_json(payload, what="The manifest")
    try:
        manifest = _read(document)
    except (AttributeError, KeyError, TypeError, ValueError, InvalidInput):
        raise malformed("a member is missing, or is not what it should be") from None
    _check(manifest)
    # What a lenient reader lets pass, a member too many for instance, is not written like that.
    if manifest.payload() != payload:
        raise malformed("it is not written as manifests are")
    return manifest


def _read(document: Any) -> Manifest:
    audit = document["audit"]
    return Manifest(
        id=_text(document["id"]),
        created_at=from_rfc3339(document["created_at"]),
        env=_text(document["env"]),
        tool=_text(document["tool"]),
        archive_size=_number(document["archive"]["size"]),
        archive_sha3=_hash(document["archive"]["sha3"]),
        members=tuple(
            Member(_text(entry["path"]), _number(entry["size"]), _hash(entry["sha3"])) for entry in document["members"]
        ),
        policies=tuple(
            PolicyMark(_text(entry["policy_id"]), _hash(entry["ir_hash"]), _text(entry["etag"]))
            for entry in document["policies"]
        ),
        audit=AuditMark(
            origin=_text(audit["origin"]),
            size=_number(audit["size"]),
            hash=_text(audit["hash"]),
            root=_text(audit["root"]),
            checkpoint=_text(audit["checkpoint"]),
        ),
        keyring_version=_number(document["keyring_version"]),
        schema_version=_number(document["schema_version"]),
        recipients=tuple(map(_text, document["recipients"])),
        signer=PublicKey(decode_segment(document["signer"].encode())),
    )


def _check(manifest: Manifest) -> None:
    paths = [member.path for member in manifest.members]
    if REGISTRY not in paths or not set(paths) <= set(MEMBER_NAMES):
        raise malformed("it lists other files than those of a backup")
    if paths != sorted(set(paths)):
        raise malformed("its files are out of order, or one stands in it twice")
    ids = [mark.policy_id for mark in manifest.policies]
    if not ids or ids != sorted(set(ids)):
        raise malformed("it lists no policies, or one of them twice, or out of order")
    if not _ID.fullmatch(manifest.id):
        raise malformed("its id is none")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_MEMBER:
        raise TypeError("not a number")
    return value


def _hash(value: Any) -> str:
    if not is_hash(value):
        raise TypeError("not a hash")
    return str(value)


def malformed(problem: str) -> InvalidInput:
    """It is no manifest."""
    return InvalidInput(
        "recovery.manifest_malformed",
        f"The manifest cannot be used: {problem}",
        "Fetch it again from where it is kept, or take another backup.",
    )
