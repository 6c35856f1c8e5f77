"""Contexts of the demonstration: an endless stream of plausible ones.

They are made for the shipped policy `lksg.v1`. Its own adaptive plan agrees with the baseline on all of them; the
shipped drifting candidate asks for a younger audit and a lower risk than some of them have.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

from engine.policies.demonstration import HIGH_RISK_LIST, context_of, demo_lists
from engine.policies.suppliers import demo_suppliers

OLD_AUDIT_SHARE: Final = 0.1
"""Contexts whose latest audit is older than the drifting candidate accepts, and younger than `lksg.v1` asks for."""
HIGH_RISK_SHARE: Final = 0.03
"""Contexts with a site in a region of high risk: WARN under either policy."""
UNACCEPTABLE_RISK_SHARE: Final = 0.02
"""Contexts whose risk is too high: FAIL under either policy."""


class ContextStream(Iterator[dict[str, Any]]):
    """An endless stream of plausible contexts; the same seed and day give the same stream.

    Args:
        seed: Of the stream.
        today: What audit dates count back from.
    """

    def __init__(self, seed: int, today: date) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a reproducible stream is the point, not a secret
        self.today = today

    def __next__(self) -> dict[str, Any]:
        draw = self._random
        suppliers = draw.sample(demo_suppliers(), draw.randint(1, 5))
        kind = draw.random()
        old = kind < OLD_AUDIT_SHARE
        latest = draw.randint(120, 330) if old else draw.randint(3, 60)
        audits = [self.today - timedelta(days=latest + 90 * i) for i in range(draw.randint(1, 3))]
        context = context_of(suppliers, audits=audits, risk_score=draw.randint(5, 72))
        kind -= OLD_AUDIT_SHARE
        if 0 <= kind < HIGH_RISK_SHARE:
            context["supplier_regions"].append(draw.choice(_high_risk_regions()))
        elif HIGH_RISK_SHARE <= kind < HIGH_RISK_SHARE + UNACCEPTABLE_RISK_SHARE:
            context["variables"]["risk_score"] = draw.randint(85, 99)
        return context


@cache
def _high_risk_regions() -> list[str]:
    return sorted(demo_lists()[HIGH_RISK_LIST])
