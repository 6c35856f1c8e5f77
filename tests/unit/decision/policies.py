"""Small policies and contexts for the tests of the decision room, built by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.policy.expression import parse_expression
from engine.policy.ir import Activation, PolicyIR, Predicate, Rule

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SALT = b"a salt for tests"

SANCTIONS_ROOT = "sha3-256:" + "5a" * 32
REGIONS_ROOT = "sha3-256:" + "7e" * 32
SETS = {SANCTIONS_ROOT: frozenset({"bad-1", "bad-2"}), REGIONS_ROOT: frozenset({"XX", "YY"})}


def rule(id: str, lhs: str, op: str, rhs: str, severity: str = "fail") -> Rule:
    """A rule with its sides written as text."""
    return Rule(id, op, parse_expression(lhs), parse_expression(rhs), severity)


def policy(
    *rules: Rule, predicates: dict[str, str] | None = None, when: dict[str, tuple[str, ...]] | None = None
) -> PolicyIR:
    """An IR of these rules; `when` maps predicate ids to the rules they switch on."""
    return PolicyIR(
        "test.v1",
        "sha3-256:" + "00" * 32,
        tuple(sorted(rules, key=lambda r: r.id)),
        tuple(Predicate(id, parse_expression(text)) for id, text in sorted((predicates or {}).items())),
        tuple(Activation(id, tuple(sorted(ids))) for id, ids in sorted((when or {}).items())),
    )


def context(**changes: Any) -> dict[str, Any]:
    """A context with nothing wrong in it, but for these changes; None takes a field away."""
    fields = {
        "supplier_hashes": ["s-1", "s-2", "s-3"],
        "ubo_hashes": ["u-1"],
        "supplier_regions": ["DE", "FR"],
        "audit_dates": ["2026-01-31", "2026-05-01T08:00:00Z"],
        "sanctions_root": SANCTIONS_ROOT,
        "high_risk_root": REGIONS_ROOT,
        "variables": {"tier": 1, "share": 0.2, "country": "DE", "channel": True},
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


SANCTIONS = rule("R1", "supplier_hashes", "non_membership", "sanctions_root")
REGIONS = rule("R2", "supplier_regions", "non_intersection", "high_risk_root")
AUDIT_AGE = rule("R3", "now() - max(audit_dates)", "range_max", "P365D", "warn")
TIER = rule("R4", "tier", "range_max", "3")
