"""Options and weights as a caller may send them: whatever is no sensible number is refused, never a crash."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.decision.options import Options
from engine.decision.select import check_weights
from engine.errors import InvalidInput

AT = datetime(2026, 1, 31, tzinfo=UTC)
NO_NUMBERS = [-1, 10**400, -(10**400), float("nan"), float("inf"), True, "1", None]
"""An integer beyond every double among them: JSON can carry it."""


@pytest.mark.parametrize("number", [*NO_NUMBERS, 101, 0.001])
def test_an_impossible_percentage_is_refused(number: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Options(at=AT, rollout_percent=number)
    assert refusal.value.code == "decision.bad_percent"


@pytest.mark.parametrize("number", [*NO_NUMBERS, 1.01])
def test_an_impossible_limit_is_refused(number: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Options(at=AT, drift_max_ratio=number)
    assert refusal.value.code == "decision.bad_ratio"


@pytest.mark.parametrize("cost", [*NO_NUMBERS, 2**53])
def test_an_impossible_cost_is_refused(cost: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_weights({"R1": cost}, frozenset({"R1"}))
    assert refusal.value.code == "decision.bad_weight"
