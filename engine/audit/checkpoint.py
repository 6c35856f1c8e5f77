"""What is signed about the audit trail: whose it is, how long it is, and the root of the tree over its lines.

Source: C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint); the signature around the text is `engine.trust.notes`.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from engine.audit.merkle import HASH_BYTES
from engine.errors import InvalidInput

ORIGIN_PREFIX: Final = "capctl.audit/"

_TEXT: Final = re.compile(r"(capctl\.audit/[0-9a-f]{16})\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n")


class Checkpoint(NamedTuple):
    """A commitment to the first `size` lines of a trail."""

    origin: str
    """Names the trail: `capctl.audit/` and 16 hex digits that belong to the registry."""
    size: int
    root: bytes
    """RFC 6962 root over these lines."""

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; the one spelling of each only, and no extension lines.

    Args:
        text: Whether anybody signed it is another question.

    Raises:
        InvalidInput: It is no checkpoint of an audit trail.
    """
    found = _TEXT.fullmatch(text)
    root = _root(found[3]) if found else None
    if found is None or root is None:
        raise InvalidInput(
            "audit.checkpoint_malformed",
            "The text is not a checkpoint of an audit trail",
            "A checkpoint is a note of three lines and a signature, as 'capctl audit checkpoint' prints it.",
        )
    return Checkpoint(found[1], int(found[2]), root)


def _root(text: str) -> bytes | None:
    try:
        root = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    # Spare bits in the last character would give one root several spellings.
    return root if len(root) == HASH_BYTES and base64.b64encode(root).decode() == text else None
