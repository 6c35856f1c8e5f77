"""Signed statements: DSSE envelopes, whose payload is believed only after its signatures are.

    data = seal(POLICY_ENTRY, statement, [signer])              # canonical JSON of the envelope
    opened = unseal(data, POLICY_ENTRY, keys, threshold=1)      # opened.payload is exactly what was signed

The signature covers the payload's type and bytes (the pre-authentication encoding), so nothing is re-serialised between
signing and checking, and no statement of one kind passes for one of another.

Source: DSSE protocol v1.0.2 (secure-systems-lab/dsse, protocol.md and envelope.md).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.canonical import canonical_json, strict_json
from engine.errors import InvalidInput, Refused
from engine.trust.jwk import MAX_KEYS, PublicKey
from engine.trust.signer import Signer

MAX_ENVELOPE_BYTES = 16 * 2**20
"""Longest envelope that is read. Statements hold hashes; the longest is the manifest of a very large backup."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A payload whose signatures were checked."""

    payload: bytes
    kids: frozenset[str]
    """The keys whose signatures hold, each counted once however often it signed."""


def seal(payload_type: str, payload: bytes, signers: Sequence[Signer]) -> bytes:
    """Sign a payload.

    Args:
        payload_type: A media type, which names what the payload is.
        payload: The bytes to sign; they travel as they are.
        signers: Who signs; at least one.

    Returns:
        The envelope as canonical JSON. The same payload and keys give the same bytes.

    Raises:
        What `Signer.sign` raises.
    """
    message = pre_authentication_encoding(payload_type, payload)
    signatures = [_signature(signer, message) for signer in signers]
    return _write(payload_type, payload, signatures)


def countersign(envelope: bytes, payload_type: str, signer: Signer) -> bytes:
    """Add a signature to an envelope; its payload and its other signatures stay as they are.

    Adding one that is there already changes nothing.

    Raises:
        InvalidInput: It is no envelope of that type.
        What `Signer.sign` raises.
    """
    payload, signatures = _read(envelope, payload_type)
    if any(kid == signer.public_key.kid for kid, _ in signatures):
        return envelope
    message = pre_authentication_encoding(payload_type, payload)
    present = [{"keyid": kid, "sig": _encode(signature)} for kid, signature in signatures]
    return _write(payload_type, payload, [*present, _signature(signer, message)])


def unseal(envelope: bytes, payload_type: str, keys: Mapping[str, PublicKey], *, threshold: int = 1) -> Unsealed:
    """Check an envelope and hand out its payload.

    Args:
        envelope: Unverified bytes.
        payload_type: What it must be.
        keys: By key id: whose signatures count. Whether a key is accepted at this time is the caller's question.
        threshold: How many different keys must have signed.

    Raises:
        InvalidInput: It is no envelope of that type.
        Refused: Too few of the keys have signed it.
    """
    payload, signatures = _read(envelope, payload_type)
    message = pre_authentication_encoding(payload_type, payload)
    held = {
        keys[kid].raw: kid for kid, signature in signatures if kid in keys and keys[kid].verifies(signature, message)
    }
    if len(held) < threshold:
        raise Refused(
            "trust.not_sealed",
            f"Of {threshold} signatures that it takes, {len(held)} hold",
            "It was changed, or signed by someone whose key does not count here. Do not use it.",
        )
    return Unsealed(payload, frozenset(held.values()))


def unverified_payload(envelope: bytes, payload_type: str) -> bytes:
    """The payload of an envelope before its signatures are checked: for statements that name their own keys.

    Raises:
        InvalidInput: It is no envelope of that type.
    """
    return _read(envelope, payload_type)[0]


def signed_by(envelope: bytes, payload_type: str) -> tuple[str, ...]:
    """The key ids an envelope names, unverified, in its order.

    Raises:
        InvalidInput: It is no envelope of that type.
    """
    return tuple(kid for kid, _ in _read(envelope, payload_type)[1])


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: `PAE(type, payload)` of DSSE, section "Signature definition"."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _signature(signer: Signer, message: bytes) -> dict[str, str]:
    return {"keyid": signer.public_key.kid, "sig": _encode(signer.sign(message))}


def _write(payload_type: str, payload: bytes, signatures: Sequence[Mapping[str, str]]) -> bytes:
    return canonical_json(
        {"payload": _encode(payload), "payloadType": payload_type, "signatures": [dict(one) for one in signatures]}
    )


def _read(envelope: bytes, payload_type: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise _malformed("it is too large")
    document = strict_json(envelope, what="The signed statement")
    if not isinstance(document, dict) or set(document) != {"payload", "payloadType", "signatures"}:
        raise _malformed("it must have `payload`, `payloadType` and `signatures`, and nothing else")
    if document["payloadType"] != payload_type:
        raise _malformed(f"it is not of the type {payload_type}")
    entries = document["signatures"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_KEYS:
        raise _malformed(f"it must have 1 to {MAX_KEYS} signatures")
    return _decode(document["payload"]), [_read_signature(entry) for entry in entries]


def _read_signature(entry: Any) -> tuple[str, bytes]:
    if not isinstance(entry, dict) or set(entry) != {"keyid", "sig"} or not isinstance(entry["keyid"], str):
        raise _malformed("a signature must have `keyid` and `sig`")
    return entry["keyid"], _decode(entry["sig"])


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: Any) -> bytes:
    """Standard base64 in its one canonical spelling, lest one statement have two files."""
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _malformed("it is not base64") from None
    if _encode(data) != text:
        raise _malformed("its base64 is not spelt canonically")
    return data


def _malformed(problem: str) -> InvalidInput:
    return InvalidInput(
        "trust.envelope_malformed", f"The signed statement cannot be read: {problem}", "Take it from its source again."
    )
