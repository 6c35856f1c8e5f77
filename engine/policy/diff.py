"""What changed between two versions of a policy, in its own terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.policy.formatting import format_expression
from engine.policy.ir import PolicyIR


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: str
    """`rule`, `predicate` or `activation`."""
    id: str
    """The rule's or predicate's id; of an activation, its predicate's."""
    change: str
    """`added`, `removed` or `changed`."""
    field: str = ""
    """What of it changed; empty when it was added or removed as a whole."""
    before: str = ""
    after: str = ""

    def to_json(self) -> dict[str, str]:
        """The change as JSON data."""
        members = {"kind": self.kind, "id": self.id, "change": self.change}
        return {**members, "field": self.field, "before": self.before, "after": self.after} if self.field else members


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """All differences between two IRs."""

    before: str
    """The one's ir_hash."""
    after: str
    changes: tuple[Change, ...]
    """Rules, then predicates, then activations, each by id."""

    @property
    def same(self) -> bool:
        """Whether both decide alike in everything they say. Their ids and sources may still differ."""
        return not self.changes

    def to_json(self) -> dict[str, Any]:
        """The differences as JSON data."""
        return {
            "before": self.before,
            "after": self.after,
            "same": self.same,
            "changes": [change.to_json() for change in self.changes],
        }


def diff_policies(before: PolicyIR, after: PolicyIR) -> PolicyDiff:
    """Compare two compiled policies part by part. Expressions are compared as AST and shown as text."""
    changes = (change for kind, parts in _PARTS.items() for change in _changes(kind, parts(before), parts(after)))
    return PolicyDiff(before.ir_hash, after.ir_hash, tuple(changes))


def _rules(ir: PolicyIR) -> dict[str, dict[str, str]]:
    return {
        rule.id: {
            "op": rule.op,
            "lhs": format_expression(rule.lhs),
            "rhs": format_expression(rule.rhs),
            "severity": rule.severity,
        }
        for rule in ir.rules
    }


def _predicates(ir: PolicyIR) -> dict[str, dict[str, str]]:
    return {predicate.id: {"expr": format_expression(predicate.expr)} for predicate in ir.predicates}


def _activations(ir: PolicyIR) -> dict[str, dict[str, str]]:
    return {activation.when: {"rules": ", ".join(activation.rules)} for activation in ir.activations}


_PARTS = {"rule": _rules, "predicate": _predicates, "activation": _activations}


def _changes(
    kind: str, before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for id in sorted(before.keys() | after.keys()):
        if id not in after:
            yield Change(kind, id, "removed")
        elif id not in before:
            yield Change(kind, id, "added")
        else:
            for field, old in before[id].items():
                if old != after[id][field]:
                    yield Change(kind, id, "changed", field, old, after[id][field])
