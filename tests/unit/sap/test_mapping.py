"""One supplier, one record, however a server spells it; and what is not known is left out, never guessed."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.context import check_context
from engine.sap.mapping import Shape, day, flag, number, supplier_record, text, whole_number

VALUES = {
    "SupplierId": "0000000007",
    "Jurisdiction": "DE",
    "LastAuditDate": datetime(2026, 1, 31, tzinfo=UTC),
    "Tier": 2,
    "RiskScore": "45.50",
    "GrievanceChannel": True,
    "SanctionFlag": "",
}
SHAPE = Shape(risk_scale=2)


def record(**changed: Any) -> dict[str, Any]:
    return supplier_record({**VALUES, **changed}, lambda number: f"<{number}>", SHAPE)


def test_a_record_is_what_a_context_holds() -> None:
    """With the pseudonym in place of the number."""
    assert record() == {
        "supplier_hash": "<0000000007>",
        "ubo_hashes": [],
        "supplier_regions": ["DE"],
        "audit_dates": ["2026-01-31"],
        "variables": {"tier": 2, "risk_score": 45.5, "grievance_channel": True, "sanction_flag": False},
    }
    assert check_context({"suppliers": [record()]})


@pytest.mark.parametrize(
    ("property_", "one", "other"),
    [
        ("RiskScore", "11", "11.00"),
        ("RiskScore", "11.00", "1.1E1"),
        ("Tier", 2, "02"),
        ("Jurisdiction", "de ", "DE"),
        ("Jurisdiction", None, ""),
        ("SanctionFlag", None, ""),
        ("SanctionFlag", None, " "),
        ("SanctionFlag", "X", "x"),
        ("LastAuditDate", None, datetime(1753, 1, 1, tzinfo=UTC)),
        ("LastAuditDate", None, datetime(9999, 12, 31, tzinfo=UTC)),
        ("LastAuditDate", datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, 23, 59, tzinfo=UTC)),
    ],
)
def test_spellings_of_one_thing_are_one(property_: str, one: Any, other: Any) -> None:
    """Servers differ in these, and the context's hash must not."""
    assert record(**{property_: one}) == record(**{property_: other})


def test_what_is_missing_is_left_out() -> None:
    """So that the rule which needs it fails: an audit that never was has no date, an unknown risk no number."""
    found = record(LastAuditDate=None, Jurisdiction=None, Tier=None, RiskScore="?", GrievanceChannel=None)
    assert (found["audit_dates"], found["supplier_regions"]) == ([], [])
    assert found["variables"] == {"sanction_flag": False}


@pytest.mark.parametrize("value", ["Y", "0", "N", 1])
def test_a_flag_that_is_neither_yes_nor_no_is_unknown(value: Any) -> None:
    """Never a no by default: the supplier may be sanctioned."""
    assert flag(value, is_text=True) is None


@given(st.text())
def test_umlauts_are_one_text_in_either_form(value: str) -> None:
    """NFC and NFD of a text are the same text."""
    assert text(unicodedata.normalize("NFD", value)) == text(unicodedata.normalize("NFC", value))


@given(st.one_of(st.text(), st.floats(), st.integers(), st.decimals(), st.booleans(), st.none(), st.binary()))
def test_no_value_breaks_it(value: Any) -> None:
    """Whatever a server sends becomes a canonical value, or none."""
    assert number(value) is None or isinstance(number(value), int | float)
    assert whole_number(value) is None or isinstance(whole_number(value), int)
    assert day(value) is None
    assert flag(value) in (True, False, None)


@pytest.mark.parametrize("number_", [None, "", 7])
def test_a_supplier_without_a_number_is_none(number_: Any) -> None:
    """It could never be written back."""
    with pytest.raises(ValueError, match="no supplier number"):
        record(SupplierId=number_)
