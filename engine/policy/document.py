"""A policy as its author means it: complete, typed, frozen. Made by `lint`, compiled by `compile_policy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.policy.ir import Predicate, Rule
from engine.policy.types import Type


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """What obliges the company to check this."""

    directive: str
    """The act: `LkSG`, `Directive (EU) 2024/1760`."""
    article: str
    """The provision in it: `§ 5(4)`."""


@dataclass(frozen=True, slots=True)
class ActivationGroup:
    """Rules that are switched on when any of the predicates holds."""

    when: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy whose parts fit together: every name it uses is defined, every expression is well-formed."""

    policy_id: str
    version: str
    description: str
    legal_basis: tuple[LegalBasis, ...]
    inputs: Mapping[str, Type]
    rules: tuple[Rule, ...]
    """In the author's order."""
    predicates: tuple[Predicate, ...]
    activations: tuple[ActivationGroup, ...]
    data: Mapping[str, Any] = field(repr=False)
    """The document as JSON data, exactly as written; `policy_hash` is over this."""
