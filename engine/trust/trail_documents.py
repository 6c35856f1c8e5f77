"""What of the audit trail leaves the house: an export of all of it, and the proof of one record. Both prove themselves.

An export is JSON lines: first what it is, the newest checkpoint and the key to check it with, then every line of the
trail as it was recorded. A proof is one JSON document: a line, the hashes that lead from it to a signed root, and for
a reader who kept an older checkpoint the proof that the trail only grew since.

The key inside a document proves only that the document is sound in itself. Who wants to know whose it is compares the
key with one that came another way, and hands that one in.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from engine.audit import AuditRecord, Checkpoint, leaf_hash, read_checkpoint, read_record
from engine.audit.proofs import prove_consistency, prove_inclusion, verify_consistency, verify_inclusion
from engine.canonical import canonical_json, strict_json
from engine.errors import InvalidInput, NotFound, Refused
from engine.trust.notes import NoteKey, open_note, read_note_key

EXPORT_FORMAT: Final = "capctl-audit-export/v1"
PROOF_FORMAT: Final = "capctl-audit-proof/v1"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with what it takes to check it."""

    checkpoint: Checkpoint
    note: str
    key: NoteKey

    @classmethod
    def open(cls, note: str, key: NoteKey) -> Signed:
        """Check a note against a key. Raises InvalidInput and Refused as `open_note` and `read_checkpoint` do."""
        checkpoint = read_checkpoint(open_note(note, [key]))
        if checkpoint.origin != key.name:
            raise Refused("audit.foreign_key", "The checkpoint is of another trail than its key", "Take the right key.")
        return cls(checkpoint, note, key)

    def to_json(self) -> dict[str, str]:
        """The note and the key as JSON data."""
        return {"checkpoint": self.note, "key": self.key.to_text()}


@dataclass(frozen=True, slots=True)
class RecordProof:
    """A proof that was read. The signature of its checkpoint has been checked; `verify` checks the rest."""

    record: AuditRecord
    line: bytes
    inclusion: tuple[bytes, ...]
    signed: Signed
    consistency: tuple[bytes, ...]
    """That the trail continues an older checkpoint; empty where the proof was made without one."""

    def verify(self, known: Checkpoint | None = None) -> None:
        """Check that the record is in the signed trail.

        Args:
            known: An older checkpoint of the reader's own, which the trail must continue.

        Raises:
            Refused: It does not prove that.
        """
        seq, (origin, size, root) = self.record.seq, self.signed.checkpoint
        if not verify_inclusion(leaf_hash(self.line), seq - 1, size, self.inclusion, root):
            raise Refused(
                "audit.not_included",
                f"The proof does not lead from record {seq} to the signed root",
                "The record, the proof or the checkpoint was altered: ask for the proof again, and keep this one.",
            )
        if known is not None and not (
            known.origin == origin and verify_consistency(known.size, size, self.consistency, known.root, root)
        ):
            raise Refused(
                "audit.not_continued",
                f"The trail is not shown to continue your checkpoint of {known.size} records",
                "Ask for a proof made with that checkpoint (--since); if there is none, the trail was rewritten.",
            )


def export_trail(lines: Iterable[bytes], signed: Signed) -> bytes:
    """Write an export. The same trail and checkpoint make the same bytes."""
    header = canonical_json({"format": EXPORT_FORMAT, **signed.to_json()})
    return b"\n".join([header, *lines, b""])


def read_export(document: bytes, key: NoteKey | None) -> tuple[Signed, Sequence[bytes]]:
    """Take an export apart and check the signature of its checkpoint; its lines are the caller's to verify.

    Args:
        document: Unverified.
        key: The one that must have signed it; None: the one that it brings along.

    Raises:
        InvalidInput: It is no export, or incomplete.
        Refused: Its checkpoint is not signed as it should be.
    """
    first, *lines = document.split(b"\n")
    header = _object(first, EXPORT_FORMAT, "audit export")
    if lines[-1:] != [b""]:
        raise InvalidInput("audit.export_cut", "The export ends in the middle of a line", "Fetch it again, whole.")
    return _signed(header, key), lines[:-1]


def prove_record(lines: Iterable[bytes], seq: int, signed: Signed, known: Checkpoint | None = None) -> bytes:
    """Write the proof that a record is in the trail.

    Args:
        lines: The trail's, from the first.
        seq: Of the record.
        signed: A checkpoint that covers it.
        known: An older checkpoint that the reader has.

    Raises:
        NotFound: The checkpoint does not reach that far.
        InvalidInput: The older checkpoint is not older.
        Refused: The trail is not what was signed.
    """
    size = signed.checkpoint.size
    if not 1 <= seq <= size:
        raise NotFound(
            "audit.not_covered",
            f"Record {seq} is in no checkpoint: the newest covers records 1 to {size}",
            "Make one with 'capctl audit checkpoint', or name a record that there is.",
        )
    if known is not None and not 0 < known.size <= size:
        raise InvalidInput(
            "audit.not_older", f"The trail is signed up to record {size}, not {known.size}", "Give an older checkpoint."
        )
    leaves: list[bytes] = []
    line = b""
    for number, each in enumerate(islice(lines, size), start=1):
        leaves.append(leaf_hash(each))
        if number == seq:
            line = each
    document: dict[str, Any] = {
        "format": PROOF_FORMAT,
        "line": line.decode("utf-8", "replace"),
        "inclusion": _encode(_proven(leaves, seq, signed.checkpoint)),
        **signed.to_json(),
    }
    if known is not None:
        document["consistency"] = _encode(prove_consistency(leaves, known.size, size))
    return canonical_json(document) + b"\n"


def read_proof(document: bytes, key: NoteKey | None) -> RecordProof:
    """Read the proof of a record and check the signature of its checkpoint.

    Args:
        document: Unverified.
        key: The one that must have signed it; None: the one that it brings along.

    Raises:
        InvalidInput: It is no proof.
        Refused: Its checkpoint is not signed as it should be.
    """
    fields = _object(document.rstrip(b"\n"), PROOF_FORMAT, "audit proof")
    line = _text(fields, "line").encode()
    return RecordProof(
        read_record(line),
        line,
        _decode(fields.get("inclusion")),
        _signed(fields, key),
        _decode(fields.get("consistency", [])),
    )


def _proven(leaves: Sequence[bytes], seq: int, checkpoint: Checkpoint) -> tuple[bytes, ...]:
    """The proof of a record, tried before anybody gets it."""
    index, size = seq - 1, checkpoint.size
    proof = prove_inclusion(leaves, index, size) if len(leaves) == size else ()
    if len(leaves) < size or not verify_inclusion(leaves[index], index, size, proof, checkpoint.root):
        raise Refused(
            "audit.not_as_signed",
            f"The first {size} records are not those that were signed: nothing can be proven",
            "Look with 'capctl audit verify'.",
        )
    return proof


def _signed(fields: dict[str, Any], key: NoteKey | None) -> Signed:
    return Signed.open(_text(fields, "checkpoint"), key or read_note_key(_text(fields, "key")))


def _object(document: bytes, format: str, what: str) -> dict[str, Any]:
    fields = strict_json(document, what=f"The {what}")
    if not isinstance(fields, dict) or fields.get("format") != format:
        raise InvalidInput("audit.not_a_document", f"That is no {what}", f"It must say that it is {format}.")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _malformed(f"`{name}` is missing")
    return value


def _encode(hashes: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(hash_).decode() for hash_ in hashes]


def _decode(hashes: Any) -> tuple[bytes, ...]:
    if not isinstance(hashes, list):
        raise _malformed("a list of hashes is missing")
    try:
        return tuple(base64.b64decode(hash_, validate=True) for hash_ in hashes)
    except (binascii.Error, TypeError, ValueError):
        raise _malformed("a hash cannot be read") from None


def _malformed(problem: str) -> InvalidInput:
    return InvalidInput("audit.document_malformed", f"The document cannot be used: {problem}", "Ask for it again.")
