"""IR v1: the compiled form of a policy, and the only one that is ever evaluated.

An IR is a value. Its canonical bytes are RFC 8785 JSON; `ir_hash` is SHA3-256 over the document without that field, so
the same policy has the same bytes on every machine, forever. Expressions are JSON ASTs, see `docs/ir.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from engine.canonical import canonical_json
from engine.ids import hash_bytes

IR_VERSION = "1.0"

Ast: TypeAlias = Mapping[str, Any]
"""An expression as JSON data; treat it as frozen."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `lhs op rhs` must hold."""

    id: str
    op: str
    lhs: Ast
    rhs: Ast
    severity: str
    """`fail` or `warn`: the verdict when it does not hold."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on the context that switches rules on."""

    id: str
    expr: Ast


@dataclass(frozen=True, slots=True)
class Activation:
    """The rules that one predicate switches on."""

    when: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class PolicyIR:
    """A compiled policy. Made by `compile_policy` or `read_ir`; never by hand outside tests."""

    policy_id: str
    policy_hash: str
    rules: tuple[Rule, ...]
    """Sorted by id."""
    predicates: tuple[Predicate, ...] = ()
    """Sorted by id."""
    activations: tuple[Activation, ...] = ()
    """Sorted by predicate, one per predicate, rules sorted."""

    @cached_property
    def ir_hash(self) -> str:
        """`sha3-256:...` over the canonical IR without the field `ir_hash`."""
        return hash_bytes(canonical_json(self._body()))

    @cached_property
    def canonical(self) -> bytes:
        """The canonical bytes of the whole document, `ir_hash` included."""
        return canonical_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The IR document as JSON data."""
        return {**self._body(), "ir_hash": self.ir_hash}

    def _body(self) -> dict[str, Any]:
        return {
            "ir_version": IR_VERSION,
            "policy_id": self.policy_id,
            "policy_hash": self.policy_hash,
            "rules": [{"id": r.id, "op": r.op, "lhs": r.lhs, "rhs": r.rhs, "severity": r.severity} for r in self.rules],
            "adaptivity": {
                "predicates": [{"id": p.id, "expr": p.expr} for p in self.predicates],
                "activations": [{"when": a.when, "rules": list(a.rules)} for a in self.activations],
            },
        }
