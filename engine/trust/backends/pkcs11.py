"""Keys in a hardware security module, through PKCS#11: made there, used there, never let out.

A key is labelled `capctl-ENV-PURPOSE-RANDOM`; what is labelled so is ours, and only keys of our own environment are
listed and destroyed, so that a copy of an environment cannot take the original's keys away. Its reference is a PKCS#11
URI: `pkcs11:token=TOKEN;object=LABEL`.

The key is looked up for every signature, which costs about as much as the signature itself: a key that another process
has destroyed signs nothing any more, whatever a module remembers. A signature is checked before it is given away.

Source: PKCS #11 v3.1, section 6.3.6 (Edwards keys); RFC 7512 (the URI); RFC 8410, section 3 (the curve's OID).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.trust.backend import ANYWHERE
from engine.trust.backends.pkcs11_token import Token, open_token
from engine.trust.jwk import PublicKey
from engine.trust.keyfile import KeyPurpose
from engine.trust.signer import Signer

if TYPE_CHECKING:
    import pkcs11

SCHEME: Final = "pkcs11"
_LABEL: Final = rf"capctl-([a-z][a-z0-9-]{{0,31}})-(?:{'|'.join(KeyPurpose)})-([0-9a-f]{{32}})"
_REF: Final = re.compile(rf"{SCHEME}:token=([A-Za-z0-9_.~%-]{{1,96}});object=({_LABEL})")

_ED25519: Final = bytes.fromhex("06032b6570")
"""The curve's OID, 1.3.101.112, in DER."""
_CURVES: Final = frozenset({_ED25519, b"\x13\x0cedwards25519"})
"""How tokens spell the curve: by its OID, or by its name as a PrintableString."""
_POINT: Final = b"\x04\x20"
"""Begins a public key: an OCTET STRING of 32 bytes in DER."""


class Pkcs11Backend:
    """Keys in a PKCS#11 token.

    Args:
        settings: Name the environment, the module, the token and the PIN's file.
        environ: May hold the PIN, CAPCTL_PKCS11_PIN.
        random_bytes: Source of names; the keys' own randomness is the token's.
    """

    purposes: Final = ANYWHERE

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str] = os.environ,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._random_bytes = random_bytes

    def make(self, purpose: KeyPurpose) -> tuple[str, Signer]:
        identity = self._random_bytes(16)
        label = f"capctl-{self._settings.env}-{purpose}-{identity.hex()}"
        if self._token.ask(lambda session: _objects(session, label)):
            raise Conflict(
                "keys.pkcs11_label_taken", "The token has a key of the new key's label already", "Try again."
            )
        ref = self._ref(label)
        try:
            self._token.ask(lambda session: _generate(session, label, identity), again=False)
            return ref, self.open(ref)
        except EngineError:
            with suppress(EngineError):  # nobody ever used it; one that stays is listed as an orphan
                self.destroy(ref)
            raise

    def open(self, ref: str) -> Signer:
        label, _ = self._taken_apart(ref)
        public_key = self._token.ask(lambda session: _public_key(session, label))
        if public_key is None:
            self._token.check_present()
            raise _missing()
        return TokenSigner(self._token, label, public_key)

    def destroy(self, ref: str) -> None:
        label, env = self._taken_apart(ref)
        if env != self._settings.env:
            raise Refused(
                "keys.other_environment",
                f"The key belongs to {env}, and this is {self._settings.env}",
                f"Destroy it there, with --env {env}.",
            )
        self._token.ask(lambda session: _destroy(session, label))
        self._token.check_present()
        if self._token.ask(lambda session: _objects(session, label)):
            raise Unavailable("keys.pkcs11_not_destroyed", "The token still has the key it destroyed", "Try again.")

    def refs(self) -> Sequence[str]:
        labels = self._token.ask(_private_labels)
        if not labels:
            self._token.check_present()
        return [self._ref(label) for label in sorted(labels) if self._is_ours(label)]

    def _is_ours(self, label: str) -> bool:
        found = re.fullmatch(_LABEL, label)
        return found is not None and found[1] == self._settings.env

    def _ref(self, label: str) -> str:
        return f"{SCHEME}:token={quote(self._token.label, safe='')};object={label}"

    def _taken_apart(self, ref: str) -> tuple[str, str]:
        """The label of a key, and its environment."""
        found = _REF.fullmatch(ref)
        if found is None or quote(unquote(found[1]), safe="") != found[1]:
            raise InvalidInput(
                "keys.malformed_ref", "The keyring names a key in a token as none is named", "Restore it."
            )
        token = unquote(found[1])
        if token != self._token.label:  # its PIN may be another, and a wrong one counts
            raise Refused(
                "keys.pkcs11_other_token",
                f"The key lies in the token {token!r}, and {self._token.label!r} is configured",
                "Set pkcs11_token to it while its key is needed.",
            )
        return found[2], found[3]

    @cached_property
    def _token(self) -> Token:
        return open_token(self._settings, self._environ)


class TokenSigner:
    """A `Signer` over a key in a token."""

    is_remote: Final = True

    def __init__(self, token: Token, label: str, public_key: PublicKey) -> None:
        self._token = token
        self._label = label
        self._public_key = public_key

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        signature = self._token.ask(lambda session: _sign(session, self._label, message))
        if signature is None:
            self._token.check_present()
            raise _missing()
        if not self._public_key.verifies(signature, message):
            raise Refused(
                "keys.other_key",
                f"The token signs with another key than {self._public_key.kid}",
                "Put the key back; whoever could exchange it may have used it.",
            )
        return signature


def _generate(session: pkcs11.Session, label: str, identity: bytes) -> None:
    from pkcs11 import Attribute, KeyType, Mechanism

    curve = session.create_domain_parameters(KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519}, local=True)
    curve.generate_keypair(
        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        store=True,
        id=identity,
        label=label,
        private_template={
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.SIGN: True,
            Attribute.DERIVE: False,
        },
        public_template={Attribute.VERIFY: True},
    )


def _public_key(session: pkcs11.Session, label: str) -> PublicKey | None:
    """The public half of a key whose private half lies there and may be used; None where there is none."""
    from pkcs11 import Attribute, ObjectClass

    private = _private(session, label)
    if private is None:
        return None
    if not private[Attribute.SENSITIVE] or private[Attribute.EXTRACTABLE]:
        raise _unsound("may be exported", "Its private half may be known: rotate to another one.")
    if not hasattr(private, "sign"):
        raise _may_not_sign()
    public = _objects(session, label, ObjectClass.PUBLIC_KEY)
    if len(public) != 1:
        raise _unsound("has no public half, or two", "Put it back, or rotate to another one.")
    if public[0][Attribute.EC_PARAMS] not in _CURVES:
        raise _unsound("is of another curve than Ed25519", "Prepare another one; capctl makes it itself.")
    point = bytes(public[0][Attribute.EC_POINT])
    return PublicKey(point.removeprefix(_POINT) if len(point) == len(_POINT) + 32 else point)


def _sign(session: pkcs11.Session, label: str, message: bytes) -> bytes | None:
    from pkcs11 import Mechanism

    private = _private(session, label)
    if private is None:
        return None
    if not hasattr(private, "sign"):
        raise _may_not_sign()
    return bytes(private.sign(message, mechanism=Mechanism.EDDSA))


def _private(session: pkcs11.Session, label: str) -> Any:
    """The private half of a key; None where there is none."""
    from pkcs11 import Attribute, KeyType, ObjectClass

    found = _objects(session, label, ObjectClass.PRIVATE_KEY)
    if len(found) > 1:
        raise _unsound("is there twice", "Nobody can tell which is meant: remove the one that is not in the keyring.")
    if found and found[0][Attribute.KEY_TYPE] != KeyType.EC_EDWARDS:
        raise _unsound("is no Edwards key", "Prepare another one; capctl makes it itself.")
    return found[0] if found else None


def _destroy(session: pkcs11.Session, label: str) -> None:
    """Take a key the right to sign, then the key away; the private half first."""
    from pkcs11 import Attribute, ObjectClass
    from pkcs11.exceptions import PKCS11Error

    for private in _objects(session, label, ObjectClass.PRIVATE_KEY):
        with suppress(PKCS11Error):  # some tokens fix what a key may do when it is made
            private[Attribute.SIGN] = False
        private.destroy()
    for rest in _objects(session, label):
        rest.destroy()


def _private_labels(session: pkcs11.Session) -> set[str]:
    from pkcs11 import Attribute, ObjectClass

    return {str(key[Attribute.LABEL]) for key in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})}


def _objects(session: pkcs11.Session, label: str, kind: pkcs11.ObjectClass | None = None) -> list[Any]:
    from pkcs11 import Attribute

    wanted: dict[Attribute, Any] = {Attribute.LABEL: label}
    if kind is not None:
        wanted[Attribute.CLASS] = kind
    return list(session.get_objects(wanted))


def _missing() -> NotFound:
    return NotFound("keys.pkcs11_no_key", "The key is not in the token", "Put it back, or rotate to another one.")


def _may_not_sign() -> Refused:
    return _unsound("may not sign", "Rotate to another one, or allow it (CKA_SIGN).")


def _unsound(problem: str, hint: str) -> Refused:
    return Refused("keys.pkcs11_unsound", f"The key in the token {problem}", hint)
