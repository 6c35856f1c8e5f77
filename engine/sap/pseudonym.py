"""Keyed hashes of suppliers: what the world outside SAP knows them by.

A plain hash of a supplier number hides nothing: all ten-digit numbers are tried in hours. These are HMAC-SHA-256 with a
256-bit secret of the tenant, separated by what they stand for. It is pseudonymisation, not anonymisation: whoever
holds the secret can try numbers.

    hmac-sha256:<key id>:<64 hex>

The key id stands in each pseudonym, so that every document says which secret made it. After a rotation new documents
use the new secret, and old ones can still be written back.

Source: RFC 2104; ENISA, Pseudonymisation techniques and best practices (2019), section 4.
"""

from __future__ import annotations

import hmac
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.clock import to_rfc3339
from engine.errors import InvalidInput, NotFound
from engine.sap.private import read_private, write_private

PREFIX: Final = "hmac-sha256"
SUPPLIER_DOMAIN: Final = b"capctl/sap/supplier/v1"
KEY_ID_DOMAIN: Final = b"capctl/sap/key-id/v1"
SECRET_BYTES: Final = 32
PATTERN: Final = re.compile(r"hmac-sha256:([0-9a-f]{8}):[0-9a-f]{64}")
_WHAT: Final = "file of the tenant's secrets"


class Pseudonymizer:
    """Makes pseudonyms under one secret.

    Args:
        secret: 32 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.key_id = hmac.digest(secret, KEY_ID_DOMAIN, "sha256").hex()[:8]
        """Names the secret without telling anything of it."""

    def supplier(self, supplier_id: str) -> str:
        """The pseudonym of a supplier number. Spellings that are one text to people are one supplier (Unicode NFC)."""
        text = unicodedata.normalize("NFC", supplier_id).encode()
        digest = hmac.digest(self._secret, SUPPLIER_DOMAIN + b"|" + text, "sha256")
        return f"{PREFIX}:{self.key_id}:{digest.hex()}"


def key_id_of(pseudonym: object) -> str | None:
    """The key id in a pseudonym; None for anything else."""
    match = PATTERN.fullmatch(pseudonym) if isinstance(pseudonym, str) else None
    return match[1] if match else None


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The tenant's secrets, oldest first; the last one is used for what is new."""

    secrets: tuple[bytes, ...] = field(repr=False)
    created: tuple[str, ...]

    @property
    def active(self) -> Pseudonymizer:
        """What new pseudonyms are made with."""
        return Pseudonymizer(self.secrets[-1])

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Of every secret, oldest first."""
        return tuple(Pseudonymizer(secret).key_id for secret in self.secrets)

    def by_id(self, key_id: str) -> Pseudonymizer:
        """What made the pseudonyms with this key id.

        Raises:
            NotFound: There is no such secret here.
        """
        for secret in self.secrets:
            if (made := Pseudonymizer(secret)).key_id == key_id:
                return made
        raise NotFound(
            "sap.unknown_key",
            f"The suppliers were pseudonymised under key {key_id}, which is not known here",
            "Use the machine that pulled them, or bring its file of secrets here.",
        )


class TenantKeyFile:
    """Where the tenant's secrets lie: one private file.

    Args:
        path: Its place.
        random_bytes: Source of secrets.
    """

    def __init__(self, path: Path, random_bytes: Callable[[int], bytes]) -> None:
        self._path = path
        self._random_bytes = random_bytes

    def load(self) -> TenantKeys:
        """The secrets.

        Raises:
            NotFound: There is no file.
            Refused: Others can read it.
            InvalidInput: It holds something else.
        """
        try:
            entries = json.loads(read_private(self._path, what=_WHAT))["secrets"]
            keys = TenantKeys(
                tuple(bytes.fromhex(entry["secret"]) for entry in entries),
                tuple(str(entry["created_at"]) for entry in entries),
            )
        except (ValueError, TypeError, KeyError) as error:
            keys = None
            cause: Exception | None = error
        else:
            cause = None
        if keys is None or not keys.secrets or any(len(secret) != SECRET_BYTES for secret in keys.secrets):
            hint = "Restore it from your backup: without it nothing that was pulled can be written back."
            raise InvalidInput("sap.keys_malformed", f"The {_WHAT} is damaged", hint) from cause
        return keys

    def open(self, now: datetime) -> TenantKeys:
        """The secrets; a first one is made where there is none."""
        try:
            return self.load()
        except NotFound:
            return self._store(TenantKeys((self._random_bytes(SECRET_BYTES),), (to_rfc3339(now),)))

    def rotate(self, now: datetime) -> TenantKeys:
        """Add a secret, which is used from now on. The old ones stay: what they made can still be written back."""
        keys = self.open(now)
        return self._store(
            TenantKeys((*keys.secrets, self._random_bytes(SECRET_BYTES)), (*keys.created, to_rfc3339(now)))
        )

    def _store(self, keys: TenantKeys) -> TenantKeys:
        entries = [
            {"created_at": at, "secret": secret.hex()} for secret, at in zip(keys.secrets, keys.created, strict=True)
        ]
        write_private(self._path, json.dumps({"version": 1, "secrets": entries}).encode(), what=_WHAT)
        return keys
