"""Keys in AWS KMS: Ed25519 keys that are made there and never leave it.

KMS signs messages of up to 4,096 bytes. The statements of the registry and results stay far below, whatever they are
about; keyrings, backup manifests and reviews grow with what they list, so keys for those are not made here.

A key carries its environment and purpose as tags from the moment it exists, and an alias for whoever reads the console;
only keys of our own environment are listed and destroyed, so that a copy of an environment cannot take the original's
keys away. KMS deletes no sooner than seven days after it was asked to; until then the key is disabled and refused, and
only an administrator of the account could bring it back, to sign what no keyring accepts any more.

docs/trust.md has the actions that must be allowed.

Source: AWS KMS API reference, CreateKey, Sign (ED25519_SHA_512 with MessageType RAW is Ed25519 of RFC 8032); RFC 8410,
section 4 (the public key).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from engine.errors import EngineError, InvalidInput, NotFound, Refused
from engine.settings import Settings
from engine.trust.backends.aws_kms_calls import kms_client, told_to_people
from engine.trust.jwk import PublicKey
from engine.trust.keyfile import KeyPurpose
from engine.trust.signer import Signer

if TYPE_CHECKING:
    from botocore.client import BaseClient  # type: ignore[import-untyped]

SCHEME: Final = "awskms"

MAX_MESSAGE_BYTES: Final = 4096
"""Longest message that KMS signs whole (API reference, Sign, Message)."""

SIGNABLE: Final = frozenset({KeyPurpose.REGISTRY, KeyPurpose.RESPONSE})
"""Purposes whose statements are always short enough."""

DELETED_AFTER_DAYS: Final = 7
"""The soonest that KMS deletes a key."""

_SPEC: Final = "ECC_NIST_EDWARDS25519"
_ALGORITHM: Final = "ED25519_SHA_512"
_ENVIRONMENT: Final = "capctl:environment"
_PURPOSE: Final = "capctl:purpose"
_REF: Final = re.compile(rf"{SCHEME}:([0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})")
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 10.1)."""


class AwsKmsBackend:
    """Keys in AWS KMS.

    Args:
        settings: Name the environment, the region and, where it is not the region's own, the endpoint.
        environ: May name the region.
        random_bytes: Source of aliases.
    """

    purposes: Final = SIGNABLE

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

    @cached_property
    def client(self) -> BaseClient:
        """The service's client."""
        return kms_client(self._settings.aws_region, self._settings.aws_endpoint, self._environ)

    def make(self, purpose: KeyPurpose) -> tuple[str, Signer]:
        if purpose not in SIGNABLE:
            raise Refused(
                "keys.aws_too_long",
                f"AWS KMS signs {MAX_MESSAGE_BYTES:,} bytes at most, and what the {purpose} key signs can be longer",
                "Make this key in a file, an HSM or Vault.",
            )
        client = self.client
        tags = {_ENVIRONMENT: self._settings.env, _PURPOSE: purpose.value}
        with told_to_people():
            made = client.create_key(
                KeySpec=_SPEC,
                KeyUsage="SIGN_VERIFY",
                Description=f"capctl {self._settings.env}: {purpose} key",
                Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
            )
        key_id = str(made["KeyMetadata"]["KeyId"])
        ref = f"{SCHEME}:{key_id}"
        alias = f"{self._alias_prefix}{purpose}-{self._random_bytes(16).hex()}"
        try:
            signer = self.open(ref)
            with told_to_people():
                client.create_alias(AliasName=alias, TargetKeyId=key_id)
        except EngineError:
            with suppress(EngineError):  # nobody ever used it; one that stays is listed as an orphan
                self.destroy(ref)
            raise
        return ref, signer

    def open(self, ref: str) -> Signer:
        key_id, client = _key_id(ref), self.client
        with told_to_people():
            _check_key(client.describe_key(KeyId=key_id)["KeyMetadata"])
            answer = client.get_public_key(KeyId=key_id)
        return KmsSigner(client, key_id, _public_key(answer))

    def destroy(self, ref: str) -> None:
        key_id, client = _key_id(ref), self.client
        with told_to_people():
            if self._state(key_id) in _GONE:
                return
            if self._environment(key_id) != self._settings.env:
                raise Refused(
                    "keys.other_environment",
                    f"The key in AWS KMS does not belong to {self._settings.env}",
                    "Destroy it in its own environment.",
                )
            # First what takes effect at once and needs less authority: many accounts let few schedule a deletion.
            client.disable_key(KeyId=key_id)
            client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=DELETED_AFTER_DAYS)

    def refs(self) -> Sequence[str]:
        with told_to_people():
            ours: set[str] = set()
            others: set[str] = set()
            for alias in self._pages("list_aliases", "Aliases"):
                named_ours = str(alias["AliasName"]).startswith(self._alias_prefix)
                (ours if named_ours else others).add(str(alias.get("TargetKeyId", "")))
            # Whoever died while making a key left it without an alias. Foreign keys mostly have one: few are asked for.
            listed = [str(key["KeyId"]) for key in self._pages("list_keys", "Keys")]
            candidates = [key_id for key_id in listed if key_id in ours or key_id not in others]
            return sorted(f"{SCHEME}:{key_id}" for key_id in candidates if self._is_ours(key_id))

    @property
    def _alias_prefix(self) -> str:
        return f"alias/capctl-{self._settings.env}-"

    def _state(self, key_id: str) -> str:
        """The state of a key, in KMS's own words; `Deleted` where there is none."""
        try:
            with told_to_people():
                return str(self.client.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"])
        except NotFound:
            return "Deleted"

    def _is_ours(self, key_id: str) -> bool:
        """Whether it is a living key of this environment; one that is not ours to ask about is not."""
        try:
            return self._environment(key_id) == self._settings.env and self._state(key_id) not in _GONE
        except (NotFound, Refused):
            return False

    def _environment(self, key_id: str) -> str:
        """Whose key it is, by its tags; empty where no tag says so."""
        with told_to_people():
            tags = list(self._pages("list_resource_tags", "Tags", KeyId=key_id))
        return next((str(tag["TagValue"]) for tag in tags if tag["TagKey"] == _ENVIRONMENT), "")

    def _pages(self, operation: str, member: str, **arguments: str) -> Iterator[Mapping[str, Any]]:
        for page in self.client.get_paginator(operation).paginate(**arguments):
            yield from page[member]


_GONE: Final = frozenset({"Deleted", "PendingDeletion", "PendingReplicaDeletion"})


class KmsSigner:
    """A `Signer` over a key in AWS KMS."""

    is_remote: Final = True

    def __init__(self, client: BaseClient, key_id: str, public_key: PublicKey) -> None:
        self._client = client
        self._key_id = key_id
        self._public_key = public_key

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        if not 1 <= len(message) <= MAX_MESSAGE_BYTES:
            raise Refused(
                "keys.aws_too_long",
                f"AWS KMS signs 1 to {MAX_MESSAGE_BYTES:,} bytes, and this is {len(message):,}",
                "Rotate this key to a file, an HSM or Vault.",
            )
        with told_to_people():
            answer = self._client.sign(
                KeyId=self._key_id, Message=message, MessageType="RAW", SigningAlgorithm=_ALGORITHM
            )
        signature = bytes(answer["Signature"])
        if not self._public_key.verifies(signature, message):
            raise Refused(
                "keys.other_key",
                f"AWS KMS signs with another key than {self._public_key.kid}",
                "Do not use it; look at what answers at aws_endpoint.",
            )
        return signature


def _key_id(ref: str) -> str:
    found = _REF.fullmatch(ref)
    if found is None:
        raise InvalidInput("keys.malformed_ref", "The keyring names a key in AWS KMS as none is named", "Restore it.")
    return found[1]


def _check_key(key: Mapping[str, Any]) -> None:
    """Refuse a key that is not enabled, or none that was made here, as KMS describes it."""
    if key.get("KeySpec") != _SPEC or key.get("KeyUsage") != "SIGN_VERIFY":
        raise _unsound("is no Ed25519 key that signs")
    if key.get("Origin") != "AWS_KMS":
        raise _unsound("was made elsewhere")
    if key.get("KeyState") in _GONE:
        raise NotFound("keys.aws_no_key", "The key in AWS KMS is deleted, or to be deleted", "Rotate to another one.")
    if key.get("KeyState") != "Enabled":
        raise Refused("keys.aws_unusable", "The key in AWS KMS is not enabled", "Enable it, or rotate to another one.")


def _public_key(answer: Mapping[str, Any]) -> PublicKey:
    """The public half. What is asked is the key itself, not what the answer says about it."""
    encoded = bytes(answer["PublicKey"])
    if not encoded.startswith(_SPKI) or len(encoded) != len(_SPKI) + 32:
        raise _unsound("has a public half of another type")
    if _ALGORITHM not in answer.get("SigningAlgorithms", ()):
        raise _unsound("does not sign as Ed25519 keys do")
    return PublicKey(encoded.removeprefix(_SPKI))


def _unsound(problem: str) -> Refused:
    return Refused(
        "keys.aws_unsound", f"The key in AWS KMS {problem}", "Do not use it; prepare another one, which capctl makes."
    )
