"""The workloads of docs/performance.md, and what a person would write by hand to judge them.

W1: 50 suppliers, 20 UBOs, 8 jurisdictions, 6 audit dates and 5 scalars (5 KB of JSON) under 8 rules, one of them active
only for a recent audit, and a list of 10,000 entries. W2: the same with 1,000,000 entries.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha3_256
from typing import Any

import orjson

from engine.ids import hash_json
from engine.policy.expression import parse_expression
from engine.policy.ir import Activation, PolicyIR, Predicate, Rule

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
CONTEXTS = 64
SANCTIONS_ROOT = "sha3-256:" + "5a" * 32
REGIONS_ROOT = "sha3-256:" + "7e" * 32
HIGH_RISK = frozenset({"AF", "BY", "IR", "KP", "MM", "RU", "SY", "YE"})
LOW_RISK = ["AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "LU", "NL", "NO", "PL", "PT", "SE"]
CURRENCIES = frozenset({"EUR", "CHF", "USD"})


@dataclass(frozen=True)
class Workload:
    """A policy, its lists, and contexts to judge."""

    ir: PolicyIR
    sanctions: frozenset[str]
    contexts: list[dict[str, Any]]

    @property
    def reference_sets(self) -> dict[str, frozenset[str]]:
        """Members by root."""
        return {SANCTIONS_ROOT: self.sanctions, REGIONS_ROOT: HIGH_RISK}


@lru_cache(maxsize=2)
def workload(entries: int) -> Workload:
    """The workload with so many entries on the sanctions list."""
    draw = random.Random(entries)
    sanctions = [_hash(draw) for _ in range(entries)]
    contexts = [_context(draw, sanctions, number) for number in range(CONTEXTS)]
    # Through JSON once, so that no string is shared with the list, as in a service.
    return Workload(_policy(), frozenset(sanctions), [orjson.loads(orjson.dumps(context)) for context in contexts])


def floor(context: dict[str, Any], sanctions: frozenset[str]) -> tuple[int, int, list[str]]:
    """What a person would write by hand: (shadow, enforced, violated rules), for well-formed contexts only."""
    variables = context["variables"]
    violated = []
    shadow = enforced = 0
    if not sanctions.isdisjoint(context["supplier_hashes"]):
        violated.append("R1")
        shadow = enforced = 2
    if not sanctions.isdisjoint(context["ubo_hashes"]):
        violated.append("R2")
        shadow = enforced = 2
    if not HIGH_RISK.isdisjoint(context["supplier_regions"]):
        violated.append("R3")
        shadow = max(shadow, 1)
        enforced = max(enforced, 1)
    if variables["grievance_channel"] is not True:
        violated.append("R4")
        shadow = max(shadow, 1)
        enforced = max(enforced, 1)
    if variables["risk_score"] > 80:
        violated.append("R5")
        shadow = enforced = 2
    if variables["currency"] not in CURRENCIES:
        violated.append("R6")
        shadow = enforced = 2
    if variables["coverage"] < 0.35:
        violated.append("R7")
        shadow = max(shadow, 1)
        enforced = max(enforced, 1)
    latest = max(map(datetime.fromisoformat, context["audit_dates"]))
    if variables["tier"] > 3:
        violated.append("R8")
        shadow = 2
        if NOW - latest < YEAR:
            enforced = 2
    return shadow, enforced, violated


def floor_evidence(context: dict[str, Any], sanctions: frozenset[str]) -> tuple[int, int, list[str], str]:
    """The same with the hash of the context."""
    evidence = sha3_256(orjson.dumps(context, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return *floor(context, sanctions), evidence


def _policy() -> PolicyIR:
    rules = [
        ("R1", "supplier_hashes", "non_membership", "sanctions_root", "fail"),
        ("R2", "ubo_hashes", "non_membership", "sanctions_root", "fail"),
        ("R3", "supplier_regions", "non_intersection", "high_risk_root", "warn"),
        ("R4", "grievance_channel", "eq", "true", "warn"),
        ("R5", "risk_score", "range_max", "80", "fail"),
        ("R6", "currency", "in", '["EUR", "CHF", "USD"]', "fail"),
        ("R7", "coverage", "threshold", "0.35", "warn"),
        ("R8", "tier", "range_max", "3", "fail"),
    ]
    return PolicyIR(
        policy_id="bench.v1",
        policy_hash=hash_json("bench"),
        rules=tuple(
            Rule(id, op, parse_expression(lhs), parse_expression(rhs), severity) for id, lhs, op, rhs, severity in rules
        ),
        predicates=(Predicate("recent_audit", parse_expression("now() - max(audit_dates) < P365D")),),
        activations=(Activation("recent_audit", ("R8",)),),
    )


def _context(draw: random.Random, sanctions: list[str], number: int) -> dict[str, Any]:
    context = {
        "supplier_hashes": [_hash(draw) for _ in range(50)],
        "ubo_hashes": [_hash(draw) for _ in range(20)],
        "supplier_regions": draw.sample(LOW_RISK, 8),
        "audit_dates": [_date(draw) for _ in range(6)],
        "sanctions_root": SANCTIONS_ROOT,
        "high_risk_root": REGIONS_ROOT,
        "variables": {
            "grievance_channel": True,
            "risk_score": draw.randint(0, 80),
            "currency": draw.choice(["EUR", "CHF", "USD"]),
            "coverage": round(draw.uniform(0.35, 1), 3),
            "tier": draw.randint(1, 3),
        },
    }
    if number < 30:
        return context
    if number < 43:
        _warn(draw, context)
    elif number < 61:
        _fail(draw, context, sanctions)
    else:
        # The audit is old and the tier too high: only the baseline minds.
        context["audit_dates"] = ["2023-05-01T00:00:00Z", "2024-05-01T00:00:00Z"] * 3
        context["variables"]["tier"] = 4
    return context


def _warn(draw: random.Random, context: dict[str, Any]) -> None:
    match draw.randrange(3):
        case 0:
            context["supplier_regions"][draw.randrange(8)] = draw.choice(sorted(HIGH_RISK))
        case 1:
            context["variables"]["grievance_channel"] = False
        case 2:
            context["variables"]["coverage"] = 0.2


def _fail(draw: random.Random, context: dict[str, Any], sanctions: list[str]) -> None:
    match draw.randrange(4):
        case 0:
            context["supplier_hashes"][draw.randrange(50)] = draw.choice(sanctions)
        case 1:
            context["ubo_hashes"][draw.randrange(20)] = draw.choice(sanctions)
        case 2:
            context["variables"]["risk_score"] = 95
        case 3:
            context["variables"]["currency"] = "XAU"


def _hash(draw: random.Random) -> str:
    return f"{draw.getrandbits(256):064x}"


def _date(draw: random.Random) -> str:
    date = NOW - timedelta(seconds=draw.randint(86_400, 300 * 86_400))
    return date.isoformat().replace("+00:00", "Z")
