"""Keys in Vault or OpenBao: one transit key for each of ours, made there, used there, never let out.

A key is named `capctl-ENV-PURPOSE-RANDOM`; what is named so is ours, and only keys of our own environment are listed
and destroyed, so that a copy of an environment cannot take the original's keys away. The policy that the token needs
stands in docs/trust.md.

Rotations make another key rather than another version: Vault has a new version sign at once, takes no single one back,
and a version refused by `min_decryption_version` is revived by lowering it. A deleted key is not.

A signature is checked before it is given away: whoever may delete a key may make another one of its name.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.trust.backend import ANYWHERE
from engine.trust.backends.vault_token import read_token
from engine.trust.backends.vault_transit import VERSION, Transit, not_transit
from engine.trust.jwk import PublicKey
from engine.trust.keyfile import KeyPurpose
from engine.trust.signer import Signer

SCHEME: Final = "vault"
_NAME: Final = re.compile(rf"capctl-([a-z][a-z0-9-]{{0,31}})-({'|'.join(KeyPurpose)})-[0-9a-f]{{32}}")


class VaultBackend:
    """Keys in the transit engine of Vault.

    Args:
        settings: Name the environment, the server, the engine's mount and the token's file.
        environ: May hold the token, CAPCTL_VAULT_TOKEN, and Vault's own VAULT_CACERT and VAULT_NAMESPACE.
        random_bytes: Source of names.
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
        name = f"capctl-{self._settings.env}-{purpose}-{self._random_bytes(16).hex()}"
        if self._transit.read(name) is not None:
            raise Conflict("keys.vault_name_taken", "Vault has a key of the new key's name already", "Try again.")
        ref = f"{SCHEME}:{name}"
        try:
            self._transit.create(name)
            return ref, self.open(ref)
        except EngineError:
            with suppress(EngineError):  # nobody ever used it; one that stays is listed as an orphan
                self.destroy(ref)
            raise

    def open(self, ref: str) -> Signer:
        name = _named(ref)[0]
        return TransitSigner(self._transit, name, _sound_key(self._transit.read(name)))

    def destroy(self, ref: str) -> None:
        name, env = _named(ref)
        if env != self._settings.env:
            raise Refused(
                "keys.other_environment",
                f"The key belongs to {env}, and this is {self._settings.env}",
                f"Destroy it there, with --env {env}.",
            )
        if self._transit.read(name) is None:
            return
        try:
            self._transit.delete(name)
        except EngineError:
            if self._transit.read(name) is not None:  # else somebody was faster
                raise
        if self._transit.read(name) is not None:
            raise Unavailable("keys.vault_not_deleted", "Vault still has the key that it deleted", "Try again.")

    def refs(self) -> Sequence[str]:
        return [f"{SCHEME}:{name}" for name in sorted(self._transit.names()) if self._is_ours(name)]

    def _is_ours(self, name: str) -> bool:
        found = _NAME.fullmatch(name)
        return found is not None and found[1] == self._settings.env

    @cached_property
    def _transit(self) -> Transit:
        if not self._settings.vault_address:
            raise InvalidInput("keys.vault_not_configured", "No Vault is configured", "Set vault_address: https://…")
        return Transit(
            self._settings.vault_address,
            self._settings.vault_mount,
            lambda: read_token(self._settings, self._environ),
            ca_file=self._environ.get("VAULT_CACERT"),
            namespace=self._environ.get("VAULT_NAMESPACE"),
        )


class TransitSigner:
    """A `Signer` over a transit key."""

    is_remote: Final = True

    def __init__(self, transit: Transit, name: str, public_key: PublicKey) -> None:
        self._transit = transit
        self._name = name
        self._public_key = public_key

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        try:
            signature = self._transit.sign(self._name, message)
        except EngineError as error:
            if error.code in ("keys.vault_failed", "keys.vault_refused"):
                _sound_key(self._transit.read(self._name))  # says which of the key's own faults it is
            raise
        if not self._public_key.verifies(signature, message):
            raise Refused(
                "keys.other_key",
                f"Vault signs with another key than {self._public_key.kid}",
                "Put the key back; whoever could exchange it may have used it.",
            )
        return signature


def _named(ref: str) -> tuple[str, str]:
    """The name of a key and its environment."""
    scheme, _, name = ref.partition(":")
    found = _NAME.fullmatch(name)
    if scheme != SCHEME or found is None:
        raise InvalidInput("keys.malformed_ref", "The keyring names a key in Vault as none is named", "Restore it.")
    return name, found[1]


def _sound_key(key: Mapping[str, Any] | None) -> PublicKey:
    """The public half of a key as the engine describes it.

    Raises:
        NotFound: There is none, or it is deleted.
        Refused: It is none that was made here: of another type, rotated, or with a private half that may have left.
    """
    if key is None or key.get("soft_deleted"):
        raise NotFound("keys.vault_no_key", "The key is not in Vault", "Put it back, or rotate to another one.")
    if "latest_version" not in key:
        raise not_transit()
    if key.get("type") != "ed25519" or key.get("derived"):
        raise _unsound("is no plain Ed25519 key", "Prepare another one; capctl makes it itself.")
    if key.get("exportable") is not False or key.get("allow_plaintext_backup") is not False:
        raise _unsound("may be exported", "Its private half may be known: rotate to another one.")
    if key.get("latest_version") != VERSION or not _signs_with(key, VERSION):
        raise _unsound("was rotated in Vault", "Rotate with capctl keys rotate, which makes another key.")
    try:
        return PublicKey(base64.b64decode(key["keys"][str(VERSION)]["public_key"], validate=True))
    except (KeyError, TypeError, binascii.Error):
        raise _unsound("has no public half", "Prepare another one.") from None


def _signs_with(key: Mapping[str, Any], version: int) -> bool:
    return all(key.get(f"min_{use}_version", 0) <= version for use in ("encryption", "decryption", "available"))


def _unsound(problem: str, hint: str) -> Refused:
    return Refused("keys.vault_unsound", f"The key in Vault {problem}", hint)
