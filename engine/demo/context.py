"""Contexts of the demonstration: the built-in one that `{"_demo": true}` stands for, and an endless stream of them.

Both are made for the shipped policy `lksg.v1`. Its own adaptive plan agrees with the baseline on all of them; the
shipped drifting candidate asks for a younger audit than some of them have.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from engine.demo.suppliers import Supplier, demo_suppliers

Json = dict[str, Any]

SANCTIONS_LIST: Final = "sanctions-demo"
HIGH_RISK_LIST: Final = "high-risk-regions"

OLD_AUDIT_SHARE: Final = 0.1
"""Contexts whose latest audit is older than the drifting candidate accepts, and younger than `lksg.v1` asks for."""
HIGH_RISK_SHARE: Final = 0.03
"""Contexts with a site in a region of high risk: WARN under either policy."""
UNACCEPTABLE_RISK_SHARE: Final = 0.02
"""Contexts whose risk is too high: FAIL under either policy."""


def demo_context(at: datetime) -> Json:
    """The built-in context: all fifty suppliers in good order at the time `at`."""
    suppliers = demo_suppliers()
    return _context(suppliers, audits=[at.date() - timedelta(days=30)], risk_score=20)


class ContextStream(Iterator[Json]):
    """An endless stream of plausible contexts; the same seed and day give the same stream.

    Args:
        seed: Of the stream.
        today: What audit dates count back from.
    """

    def __init__(self, seed: int, today: date) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a reproducible stream is the point, not a secret
        self.today = today

    def __next__(self) -> Json:
        draw = self._random
        suppliers = draw.sample(demo_suppliers(), draw.randint(1, 5))
        kind = draw.random()
        old = kind < OLD_AUDIT_SHARE
        latest = draw.randint(120, 330) if old else draw.randint(3, 60)
        audits = [self.today - timedelta(days=latest + 90 * i) for i in range(draw.randint(1, 3))]
        context = _context(suppliers, audits=audits, risk_score=draw.randint(5, 72))
        kind -= OLD_AUDIT_SHARE
        if 0 <= kind < HIGH_RISK_SHARE:
            context["supplier_regions"].append(draw.choice(_high_risk_regions()))
        elif HIGH_RISK_SHARE <= kind < HIGH_RISK_SHARE + UNACCEPTABLE_RISK_SHARE:
            context["variables"]["risk_score"] = draw.randint(85, 99)
        return context


def _context(suppliers: tuple[Supplier, ...] | list[Supplier], *, audits: list[date], risk_score: int) -> Json:
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


@cache
def _high_risk_regions() -> list[str]:
    return sorted(demo_lists()[HIGH_RISK_LIST])
