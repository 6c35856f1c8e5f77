"""The example policies are what their comments say."""

from __future__ import annotations

from pathlib import Path

from engine.policy import lint

EXAMPLES = Path(__file__).parents[3] / "examples" / "policies"


def _codes(name: str) -> list[str]:
    return [finding.code for finding in lint((EXAMPLES / name).read_bytes(), file=name).findings]


def test_the_starter_has_no_findings():
    """Whoever copies it starts clean."""
    assert _codes("starter.v1.yaml") == []


def test_the_broken_one_shows_the_mistakes_that_happen():
    """Seven mistakes, each found under its code."""
    assert sorted(_codes("broken.v1.yaml")) == ["E1001", "E1002", "E1005", "E1011", "E2001", "E2003", "E3001"]
