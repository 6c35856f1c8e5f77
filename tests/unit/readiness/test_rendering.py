"""The checklist as a document: complete, current, and without markup that somebody else wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.readiness.items import load_checklist
from engine.readiness.rendering import Standings, render
from engine.readiness.review import Review, Waiver, judge
from engine.readiness.signing import Signature

CHECKLIST = load_checklist()
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[3] / "docs" / "ORR_Checklist.md"


def test_the_document_in_the_repository_is_current() -> None:
    """`capctl orr render --blank -o docs/ORR_Checklist.md` makes it."""
    assert DOCUMENT.read_text("utf-8") == render(CHECKLIST)


def test_every_item_says_why_and_how() -> None:
    text = render(CHECKLIST)
    for item in CHECKLIST.items:
        entry = text.split(f"`{item.id}` · {item.severity.value} · {item.owner}\n", 1)[1].split("\n- ", 1)[0]
        assert "why: " in entry
        assert "how: " in entry


def test_a_review_says_how_it_stands_and_that_nobody_signed() -> None:
    item = CHECKLIST.item("sec.mtls")
    waiver = Waiver("op-1", "op-2", "a [link](x) *now*", NOW, NOW.replace(day=25))
    states = judge(CHECKLIST, Review("prod").with_waiver(item, waiver), NOW)
    names = {"op-1": "oncall", "op-2": "second"}
    text = render(CHECKLIST, Standings("prod", NOW, states, Signature(None, ("nobody has signed it",)), names))
    assert "**Not signed**: nobody has signed it." in text
    assert "waived by oncall and second until 2026-11-25" in text
    assert r"a \[link\](x) \*now\*" in text
    assert "**Blocked** by " in text
