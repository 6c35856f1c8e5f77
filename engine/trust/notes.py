"""Signed notes: a short text with Ed25519 signatures below it, for people to read and machines to check.

    capctl.audit/3f0c9a52be417d68
    256
    mF0x...=

    — capctl.audit/3f0c9a52be417d68 Az3g...=

The format is that of the public transparency logs, so that their tools and witnesses read ours.

Source: C2SP signed-note (https://c2sp.org/signed-note).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from engine.errors import InvalidInput, Refused
from engine.trust.jwk import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_NOTE_BYTES: Final = 16_384
MAX_SIGNATURES: Final = 16

_ED25519: Final = b"\x01"
"""The signature type of Ed25519 in key ids and verifier keys."""

_KEY_ID_BYTES: Final = 4

_NAME: Final = r"[^\s+\x00-\x1f\x7f]+"
_SIGNATURE_LINE: Final = re.compile(rf"— ({_NAME}) ([A-Za-z0-9+/]+={{0,2}})")
_VERIFIER_KEY: Final = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]+={{0,2}})")


class NoteKey(NamedTuple):
    """Who may sign notes, and with which key."""

    name: str
    """Names the signer; for a log, its origin."""
    public: PublicKey

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before a signature and say which key to try. A hint: it proves nothing."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public.raw).digest()[:_KEY_ID_BYTES]

    def to_text(self) -> str:
        """The verifier key in one line (`vkey`), to be given to whoever checks notes."""
        encoded = base64.b64encode(_ED25519 + self.public.raw).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def read_note_key(text: str) -> NoteKey:
    """Read a verifier key.

    Args:
        text: Unverified; white space around it is ignored.

    Raises:
        InvalidInput: It is none, or its parts contradict each other.
        Refused: The public key is weak.
    """
    found = _VERIFIER_KEY.fullmatch(text.strip())
    raw = _decode(found[3]) if found else None
    if found is None or raw is None or raw[:1] != _ED25519:
        raise _no_key("it must read NAME+KEYID+BASE64, for Ed25519")
    key = NoteKey(found[1], PublicKey(raw[1:]))
    if key.key_id.hex() != found[2]:
        raise _no_key("its key id is not that of its key")
    return key


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """Sign a text.

    Args:
        text: Ends with a newline and has no empty line, so that it is clear where the signatures begin.
        name: The signer's.
        key: The private key.

    Raises:
        ValueError: The text cannot be told from what surrounds it.
    """
    if not text.endswith("\n") or "\n\n" in text or text.startswith("\n"):
        raise ValueError("a note's text ends with a newline and has no empty line")
    signer = NoteKey(name, PublicKey(key.public_key().public_bytes_raw()))
    signature = base64.b64encode(signer.key_id + key.sign(text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def unverified_text(note: str) -> str:
    """The text of a note whose signatures nobody has looked at. Raises InvalidInput."""
    return _take_apart(note)[0]


def open_note(note: str, keys: Iterable[NoteKey]) -> str:
    """The text of a note that one of the keys has signed.

    Args:
        note: Unverified.
        keys: Whose signature counts. Signatures of others are ignored, as the format demands: witnesses may add theirs.

    Raises:
        InvalidInput: It is no signed note.
        Refused: None of the keys signed it, or a signature that names one of them does not fit.
    """
    text, signatures = _take_apart(note)
    known = {(key.name, key.key_id): key.public for key in keys}
    claimed = [(known[signer], signature) for signer, signature in signatures if signer in known]
    if not claimed:
        raise Refused(
            "trust.note_unknown_key",
            "The note is not signed with a key that is trusted here",
            "Check whose note it is; give the signer's verifier key.",
        )
    if not all(_is_signed(text, signature, key) for key, signature in claimed):
        raise Refused(
            "trust.note_forged", "The signature does not fit the note", "The note was altered, or never signed."
        )
    return text


def _take_apart(note: str) -> tuple[str, list[tuple[tuple[str, bytes], bytes]]]:
    """A note as its text and its signatures, each with the name and the key id of who claims to have made it."""
    body, blank, below = note.rpartition("\n\n")
    lines = below.split("\n")
    if not blank or not body or len(note) > MAX_NOTE_BYTES or lines.pop() or not 0 < len(lines) <= MAX_SIGNATURES:
        raise _no_note()
    signatures = []
    for line in lines:
        found = _SIGNATURE_LINE.fullmatch(line)
        signed = _decode(found[2]) if found else None
        if found is None or signed is None or len(signed) <= _KEY_ID_BYTES:
            raise _no_note()
        signatures.append(((found[1], signed[:_KEY_ID_BYTES]), signed[_KEY_ID_BYTES:]))
    return body + "\n", signatures


def _is_signed(text: str, signature: bytes, key: PublicKey) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


def _decode(text: str) -> bytes | None:
    """Base64 in its one spelling; None for anything else."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def _no_key(problem: str) -> InvalidInput:
    return InvalidInput(
        "trust.note_key_malformed", f"That is not a verifier key: {problem}", "Take the line as the signer gave it."
    )


def _no_note() -> InvalidInput:
    return InvalidInput("trust.note_malformed", "That is not a signed note", "Take it whole, with its last line.")
