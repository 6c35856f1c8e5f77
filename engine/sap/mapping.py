"""A supplier as SAP sends it becomes a record of a context. Pure.

The same supplier gives the same record whatever server sends it: null and empty are one, dates are days, decimals have
the scale of the metadata, 1753 and 9999 are no dates, text is in NFC. What is missing or makes no sense is left out,
and the rule that needs it fails: nothing is guessed.

Names, bank accounts and amounts are not mapped, and therefore not even asked for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

SUPPLIER_ID: Final = "SupplierId"
REGION: Final = "Jurisdiction"
LAST_AUDIT: Final = "LastAuditDate"
TIER: Final = "Tier"
RISK_SCORE: Final = "RiskScore"
GRIEVANCE_CHANNEL: Final = "GrievanceChannel"
SANCTION_FLAG: Final = "SanctionFlag"

REQUIRED: Final = (SUPPLIER_ID, REGION, LAST_AUDIT)
OPTIONAL: Final = (TIER, SANCTION_FLAG, RISK_SCORE, GRIEVANCE_CHANNEL)

FLAGS: Final = (GRIEVANCE_CHANNEL, SANCTION_FLAG)

FIRST_YEAR: Final = 1753
"""Edm.DateTime begins here, and systems without null write its first day."""
LAST_YEAR: Final = 9999
DEFAULT_SCALE: Final = 2

Record = dict[str, Any]


class Shape(NamedTuple):
    """What the metadata says of the properties that are mapped."""

    risk_scale: int | None = None
    """Decimals of the risk score."""
    text_flags: frozenset[str] = frozenset({SANCTION_FLAG})
    """Flags that are a character, as ABAP has them: blank, which is no, may come as null."""


def supplier_record(values: Mapping[str, Any], pseudonym: Callable[[str], str], shape: Shape) -> Record:
    """A supplier's record in a context.

    Args:
        values: By property, typed as pyodata reads them.
        pseudonym: Makes the keyed hash of a supplier number.
        shape: What the metadata says of them.

    Raises:
        ValueError: There is no supplier number.
    """
    supplier_id = values.get(SUPPLIER_ID)
    if not isinstance(supplier_id, str) or not supplier_id:
        raise ValueError("no supplier number")
    region, audit = text(values.get(REGION)), day(values.get(LAST_AUDIT))
    variables = {
        "tier": whole_number(values.get(TIER)),
        "risk_score": number(values.get(RISK_SCORE), scale=shape.risk_scale),
        "grievance_channel": flag(values.get(GRIEVANCE_CHANNEL), is_text=GRIEVANCE_CHANNEL in shape.text_flags),
        "sanction_flag": flag(values.get(SANCTION_FLAG), is_text=SANCTION_FLAG in shape.text_flags),
    }
    return {
        "supplier_hash": pseudonym(supplier_id),
        "ubo_hashes": [],
        "supplier_regions": [region.upper()] if region else [],
        "audit_dates": [audit] if audit else [],
        "variables": {name: value for name, value in variables.items() if value is not None},
    }


def text(value: Any) -> str | None:
    """A text in NFC without blanks around it; None where there is none."""
    return (unicodedata.normalize("NFC", value).strip() or None) if isinstance(value, str) else None


def day(value: Any) -> str | None:
    """A date as `YYYY-MM-DD`; None for none, and for the first and last days that stand for none."""
    if not isinstance(value, datetime) or not FIRST_YEAR < value.year < LAST_YEAR:
        return None
    return value.date().isoformat()


def number(value: Any, *, scale: int | None = None) -> int | float | None:
    """A number, however many zeros its decimals were sent with; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        exact = Decimal(str(value).strip())
        if not exact.is_finite():
            return None
        exact = exact.quantize(Decimal(1).scaleb(-(DEFAULT_SCALE if scale is None else scale)))
    except InvalidOperation:
        return None
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def whole_number(value: Any) -> int | None:
    """A whole number, also when it is sent as text with leading zeros; None for anything else."""
    found = number(value)
    return found if isinstance(found, int) else None


def flag(value: Any, *, is_text: bool = False) -> bool | None:
    """A boolean, or ABAP's flag (`X` and blank); None for anything else, which is neither yes nor no."""
    if isinstance(value, bool):
        return value
    if value is None and is_text:
        return False
    return {"X": True, "": False}.get(value.strip().upper()) if isinstance(value, str) else None
