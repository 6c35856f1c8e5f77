"""Reason codes: why a rule did not hold, or why nobody can say whether it does.

The codes are a contract (docs/architecture.md): results, metrics and the audit trail carry them, and nothing else about
a violation. They hold no value from a context and no exception text.
"""

from __future__ import annotations

from typing import Final

MEMBER_FOUND: Final = "member_found"
INTERSECTION_FOUND: Final = "intersection_found"
NOT_EQUAL: Final = "not_equal"
NOT_IN: Final = "not_in"
BELOW_MINIMUM: Final = "below_minimum"
ABOVE_MAXIMUM: Final = "above_maximum"
BELOW_THRESHOLD: Final = "below_threshold"

MISSING_INPUT: Final = "missing_input"
WRONG_TYPE: Final = "wrong_type"
BAD_DATE: Final = "bad_date"
DATE_IN_FUTURE: Final = "date_in_future"
EMPTY_INPUT: Final = "empty_input"
NOT_FINITE: Final = "not_finite"
MISSING_ROOT: Final = "missing_root"
UNKNOWN_ROOT: Final = "unknown_root"
EVALUATION_ERROR: Final = "evaluation_error"

VIOLATED: Final[frozenset[str]] = frozenset(
    {MEMBER_FOUND, INTERSECTION_FOUND, NOT_EQUAL, NOT_IN, BELOW_MINIMUM, ABOVE_MAXIMUM, BELOW_THRESHOLD}
)
"""The rule was evaluated and does not hold; its severity decides the verdict."""

UNEVALUATED: Final[frozenset[str]] = frozenset(
    {
        MISSING_INPUT,
        WRONG_TYPE,
        BAD_DATE,
        DATE_IN_FUTURE,
        EMPTY_INPUT,
        NOT_FINITE,
        MISSING_ROOT,
        UNKNOWN_ROOT,
        EVALUATION_ERROR,
    }
)
"""The rule could not be evaluated: FAIL, whatever its severity."""
