"""Keys, key ids, and signatures over verification results.

    signer = ResultSigner.open(settings)
    signed = signer.sign(document)                  # signed.to_document() goes to the client
    jwks = to_jwks(signer.public_keys())            # /.well-known/jwks.json
    result = verify_result(received, jwks, now=clock.now())

Names are loaded on first use, and cryptography with the first key: `capctl status` reads checkpoints and needs neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.trust.jwk import KeyState, PublicKey, parse_jwks, thumbprint, to_jwks
    from engine.trust.keyfile import KeyPurpose, open_private_key
    from engine.trust.signer import KeySigner, Signer
    from engine.trust.signing import CompactSigner, ResponseSigner, ResultSigner, SignedResult
    from engine.trust.verifying import VerifiedResult, verify_result

__all__ = [
    "CompactSigner",
    "KeyPurpose",
    "KeySigner",
    "KeyState",
    "PublicKey",
    "ResponseSigner",
    "ResultSigner",
    "SignedResult",
    "Signer",
    "VerifiedResult",
    "open_private_key",
    "parse_jwks",
    "thumbprint",
    "to_jwks",
    "verify_result",
]

__getattr__ = lazy_face(
    __name__,
    {
        "CompactSigner": "signing",
        "ResultSigner": "signing",
        "KeyPurpose": "keyfile",
        "KeySigner": "signer",
        "KeyState": "jwk",
        "PublicKey": "jwk",
        "ResponseSigner": "signing",
        "SignedResult": "signing",
        "Signer": "signer",
        "VerifiedResult": "verifying",
        "open_private_key": "keyfile",
        "parse_jwks": "jwk",
        "thumbprint": "jwk",
        "to_jwks": "jwk",
        "verify_result": "verifying",
    },
)
