"""The port behind which private keys lie: in a file, in a token, in somebody's cloud.

Whoever signs asks for a signature and never for the key. What a key is for, and until when, the keyring says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from engine.trust.jwk import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer(Protocol):
    """Signs with one Ed25519 key."""

    @property
    def public_key(self) -> PublicKey:
        """The public half, as it was read back from where the private half lies."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether a signature is waited for: the key is not in this process."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature (RFC 8032). Any thread may ask.

        Raises:
            Unavailable: The key cannot be reached now, or is no longer there.
            Refused: Whoever holds the key does not sign for us.
        """
        ...


class KeySigner:
    """A `Signer` over a key in this process's memory, as it comes out of a file."""

    is_remote: Final = False

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public_key = PublicKey(key.public_key().public_bytes_raw())

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)
