"""The built-in demonstration context, which `{"_demo": true}` stands for, and the shipped lists it rests on.

It is made for the shipped policy `lksg.v1`, and in good order at whatever time it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from engine.policies.suppliers import Supplier, demo_suppliers

SANCTIONS_LIST: Final = "sanctions-demo"
HIGH_RISK_LIST: Final = "high-risk-regions"


def demo_context(at: datetime) -> dict[str, Any]:
    """The built-in context: all fifty suppliers in good order at the time `at`."""
    return context_of(demo_suppliers(), audits=[at.date() - timedelta(days=30)], risk_score=20)


def context_of(suppliers: Sequence[Supplier], *, audits: Sequence[date], risk_score: int) -> dict[str, Any]:
    """A context about some of the suppliers.

    Args:
        suppliers: Whom it is about.
        audits: When they were audited.
        risk_score: 0 (no risk known) to 100.
    """
    sanctions_root, high_risk_root = demo_roots()
    return {
        "supplier_hashes": [supplier.hash for supplier in suppliers],
        "ubo_hashes": [owner for supplier in suppliers for owner in supplier.ubo_hashes],
        "supplier_regions": list(dict.fromkeys(supplier.region for supplier in suppliers)),
        "audit_dates": [audit.isoformat() for audit in audits],
        "sanctions_root": sanctions_root,
        "high_risk_root": high_risk_root,
        "variables": {
            "tier": min(supplier.tier for supplier in suppliers),
            "risk_score": risk_score,
            "grievance_channel": True,
        },
    }


@cache
def demo_lists() -> dict[str, frozenset[str]]:
    """The shipped reference lists by name."""
    from engine.policies import shipped_lists
    from engine.policy.reference import parse_reference_list

    return {name: parse_reference_list(data).members for name, data in shipped_lists().items()}


@cache
def demo_roots() -> tuple[str, str]:
    """The roots of the sanctions list and of the list of high-risk regions."""
    from engine.ids import merkle_root

    lists = demo_lists()
    return merkle_root(lists[SANCTIONS_LIST]), merkle_root(lists[HIGH_RISK_LIST])
