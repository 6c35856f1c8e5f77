"""Keys, key ids, and signatures over verification results.

    signer = FileSigner.open(settings)
    signed = signer.sign(document)                  # signed.to_document() or signed.to_compact() goes to the client
    jwks = to_jwks(signer.public_keys())            # /.well-known/jwks.json
    result = verify_result(received, jwks, now=clock.now())

Importing the room loads no cryptography; the first key does.
"""

from engine.trust.jwk import KeyState, PublicKey, parse_jwks, thumbprint, to_jwks
from engine.trust.keyfile import KeyPurpose, open_private_key
from engine.trust.signing import CompactSigner, FileSigner, ResponseSigner, SignedResult
from engine.trust.verifying import VerifiedResult, verify_result

__all__ = [
    "CompactSigner",
    "FileSigner",
    "KeyPurpose",
    "KeyState",
    "PublicKey",
    "ResponseSigner",
    "SignedResult",
    "VerifiedResult",
    "open_private_key",
    "parse_jwks",
    "thumbprint",
    "to_jwks",
    "verify_result",
]
