"""Trying a key out: it signs something fresh, and another implementation than the one that signed checks it.

A back end that returns well-formed nonsense (an emulator that makes a key of another curve, a token that pads its
answers) is found before anybody relies on its key, and a fault of the signing library is not repeated by the check.

Source: RFC 8032, section 5.1.7 (verification), with the arithmetic of `edwards`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from engine.errors import Refused
from engine.trust.edwards import verifies
from engine.trust.signer import Signer

_PREFIX: Final = b"capctl/challenge/v1|"
"""No statement begins like this, so a challenge is never the signature of anything."""


def challenge(signer: Signer, random_bytes: Callable[[int], bytes]) -> None:
    """Let a key sign something fresh and check it.

    Raises:
        Refused: The signature does not fit the public key.
        What `Signer.sign` raises.
    """
    message = _PREFIX + hashlib.sha256(random_bytes(32)).digest()
    if not verifies(signer.public_key.raw, signer.sign(message), message):
        raise Refused(
            "keys.challenge_failed",
            f"The key {signer.public_key.kid} does not sign as its public half says",
            "Do not use it; look at the back end that holds it, and prepare another one.",
        )
