"""The parts of a policy as they were written, each with its place in the source. `draft` reads them.

A part that could not be read is None and has been reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.policy.document import LegalBasis
from engine.policy.findings import Position
from engine.policy.ir import Ast
from engine.policy.types import Type


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text in its place."""

    text: str
    at: Position


@dataclass(frozen=True, slots=True)
class WrittenExpression:
    """An expression and where its parts stand."""

    ast: Ast
    at: Position
    places: Mapping[int, Position]
    """Place of each node, by `id()` of the node."""

    def place(self, node: Ast) -> Position:
        """Where a node stands; the whole expression's place where that is not known."""
        return self.places.get(id(node), self.at)


@dataclass(frozen=True, slots=True)
class WrittenInput:
    """A declared input."""

    name: Word
    type: Type


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule."""

    at: Position
    id: Word | None
    op: Word | None
    lhs: WrittenExpression | None
    rhs: WrittenExpression | None
    severity: str
    described: bool


@dataclass(frozen=True, slots=True)
class WrittenPredicate:
    """A predicate."""

    id: Word | None
    expr: WrittenExpression | None


@dataclass(frozen=True, slots=True)
class WrittenActivation:
    """An activation."""

    when: tuple[Word, ...]
    rules: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole policy."""

    at: Position
    id: Word | None
    version: Word | None
    description: str
    legal_basis: tuple[LegalBasis, ...]
    inputs: tuple[WrittenInput, ...]
    rules: tuple[WrittenRule, ...]
    predicates: tuple[WrittenPredicate, ...]
    activations: tuple[WrittenActivation, ...]
    data: Mapping[str, Any]
