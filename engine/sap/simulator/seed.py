"""Suppliers of a company that does not exist, for the simulator: synthetic and deterministic.

Most are in good order under `lksg-sap.v1`; the others show what a verdict can be about: a hit of SAP's own sanctions
screening, an audit that is too old or was never made, a region of high risk, too high a risk, a complaints procedure
that cannot be reached. Identifiers have
leading zeros and names have umlauts, because real ones do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

REGIONS: Final = ("DE", "FR", "NL", "PL", "CZ", "IT", "ES", "AT", "SE", "PT")
HIGH_RISK_REGION: Final = "MM"
TRADES: Final = ("Gießerei", "Textil", "Elektronik", "Verpackung", "Präzision", "Logistik", "Chemie", "Möbel")

OLD_AUDIT: Final = frozenset({7, 23})
NO_AUDIT: Final = frozenset({11, 31})
SENTINEL_AUDIT: Final = frozenset({37})
"""The date that a database without null writes: 1753-01-01, which means that there was none."""
RISKY_REGION: Final = frozenset({13, 29, 41})
RISKY: Final = frozenset({17, 43})
NO_CHANNEL: Final = frozenset({19})
FLAGGED: Final = frozenset({5})
"""Found on a sanctions list by SAP's own screening."""
CYCLE: Final = 50
"""After so many suppliers their kinds repeat."""


def suppliers(count: int, today: date) -> Iterator[dict[str, Any]]:
    """The first `count` suppliers as the simulator stores them.

    Args:
        count: How many.
        today: What audit dates count back from.
    """
    return (_supplier(number, today) for number in range(1, count + 1))


def _supplier(number: int, today: date) -> dict[str, Any]:
    kind = (number - 1) % CYCLE + 1
    return {
        "SupplierId": f"{number:010d}",
        "SupplierName": f"Demo {TRADES[number % len(TRADES)]} {number} GmbH",
        "Jurisdiction": HIGH_RISK_REGION if kind in RISKY_REGION else REGIONS[number % len(REGIONS)],
        "Tier": 1 + number % 3,
        "LastAuditDate": _audit(kind, today),
        "SanctionFlag": "X" if kind in FLAGGED else "",
        "RiskScore": "91.50" if kind in RISKY else f"{10 + kind}.00",
        "GrievanceChannel": kind not in NO_CHANNEL,
        "AnnualSpend": f"{number * 48988 + 28.28:.2f}",
        "Iban": f"DE00{number:018d}" if number % 5 else None,
    }


def _audit(kind: int, today: date) -> str | None:
    if kind in NO_AUDIT:
        return None
    if kind in SENTINEL_AUDIT:
        return "1753-01-01T00:00:00"
    return f"{today - timedelta(days=400 if kind in OLD_AUDIT else 10 + 5 * kind)}T00:00:00"
