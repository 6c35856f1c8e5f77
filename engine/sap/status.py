"""A verification result becomes rows of the status table, and rows read back become comparable. Pure.

A payload is a row without its key: text only, so that what was meant and what was read can be compared as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engine.canonical import canonical_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput
from engine.ids import hash_json
from engine.sap.outbox import Payload
from engine.sap.pseudonym import key_id_of

RUN_ID: Final = "RunId"
SUPPLIER_ID: Final = "SupplierId"
KEY: Final = (RUN_ID, SUPPLIER_ID)
HASHES: Final = ("ManifestHash", "PolicyHash", "IrHash")
REQUIRED: Final = ("Status", *HASHES)
OPTIONAL: Final = ("ValidUntil", "RulesJson", "VerifiedAt")

STATUS_OF: Final = {"ok": "OK", "warn": "WARN", "fail": "FAIL"}
DEFAULT_VALID_DAYS: Final = 365

Result = Mapping[str, Any]
"""A verification result whose signature was checked."""


def payloads(result: Result, *, valid_days: int) -> Iterator[tuple[str, Payload]]:
    """Pseudonym and payload of every supplier in a result.

    Args:
        result: Verified.
        valid_days: How long the statuses hold, counted from the evaluation.

    Raises:
        InvalidInput: The result is not about pseudonymised suppliers of SAP.
    """
    at = from_rfc3339(result["at"]).replace(microsecond=0)
    until = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=valid_days)
    shared = {
        "ManifestHash": result["manifest_hash"],
        "PolicyHash": result["policy_hash"],
        "IrHash": result["ir_hash"],
        "ValidUntil": to_rfc3339(until),
        "VerifiedAt": to_rfc3339(at),
    }
    for supplier in result["suppliers"]:
        if key_id_of(supplier["supplier_hash"]) is None:
            raise InvalidInput(
                "sap.not_pseudonyms",
                "The result is not about suppliers that were pulled from SAP",
                "Pull them with cap-adapter pull, verify that context, and write that result back.",
            )
        rules = canonical_json(supplier["violations"]).decode()
        yield supplier["supplier_hash"], {**shared, "Status": STATUS_OF[supplier["verdict"]], "RulesJson": rules}


def key_ids(result: Result) -> set[str]:
    """The ids of the secrets that a result's pseudonyms were made with."""
    return {key_id for supplier in result["suppliers"] if (key_id := key_id_of(supplier["supplier_hash"]))}


def content_hash(results: Iterable[Result], *, valid_days: int) -> str:
    """What a run id stands for: everything that decides what is written. Who signed it does not."""
    hashes = [hash_json({name: value for name, value in result.items() if name != "kid"}) for result in results]
    return hash_json({"results": sorted(hashes), "valid_days": valid_days})


def comparable(value: Any) -> str:
    """A value as it was read, in the spelling of a payload."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return to_rfc3339(value.astimezone(UTC).replace(microsecond=0))
    return unicodedata.normalize("NFC", str(value)).rstrip()
