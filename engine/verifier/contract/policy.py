"""Policies over HTTP: IR v1, and compiling."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from engine.canonical import canonical_json
from engine.errors import InvalidInput
from engine.policy.ir import IR_VERSION
from engine.policy.names import NAME_PATTERN
from engine.policy.operators import OPERATORS, SEVERITIES
from engine.policy.reading import read_ir
from engine.verifier.contract.base import Hash, Model, OneOf, PolicyId, RuleId, anchored
from engine.verifier.contract.expression import Expression
from engine.verifier.verification import MAX_INLINE_IR_BYTES

Name: TypeAlias = Annotated[str, Field(pattern=anchored(NAME_PATTERN.pattern))]


class IrRule(Model):
    """One rule: `lhs op rhs` must hold."""

    id: RuleId
    op: Annotated[str, OneOf(OPERATORS)]
    lhs: Expression
    rhs: Expression
    severity: Annotated[str, OneOf(SEVERITIES)]
    """The verdict when it does not hold."""


class IrPredicate(Model):
    """A condition on the context that switches rules on."""

    id: Name
    expr: Expression


class IrActivation(Model):
    """The rules that one predicate switches on."""

    when: Name
    rules: list[RuleId]
    """Sorted, each once."""


class IrAdaptivity(Model):
    """Which rules are active when. A rule that no activation mentions is always active."""

    predicates: list[IrPredicate]
    """Sorted by id."""
    activations: list[IrActivation]
    """Sorted by predicate."""


class PolicyIr(Model):
    """IR v1: a compiled policy. The same policy has the same canonical bytes on every machine."""

    ir_version: Annotated[str, OneOf((IR_VERSION,))]
    policy_id: PolicyId
    policy_hash: Hash
    rules: Annotated[list[IrRule], Field(min_length=1)]
    """Sorted by id."""
    adaptivity: IrAdaptivity
    ir_hash: Hash
    """Over the canonical IR without this member."""

    def to_json(self) -> dict[str, Any]:
        """The document as JSON data."""
        return self.model_dump(by_alias=True)

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        try:
            read_ir(canonical_json(self.to_json()))
        except InvalidInput as error:
            raise ValueError(error.message) from None
        return self


def _small(ir: PolicyIr) -> PolicyIr:
    if len(canonical_json(ir.to_json())) > MAX_INLINE_IR_BYTES:
        raise ValueError("the IR is too large to come with a request")
    return ir


InlineIr: TypeAlias = Annotated[PolicyIr, AfterValidator(_small)]
"""An IR that comes with a request; what is larger is published first."""


def _base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    try:
        canonical_json(document)
    except InvalidInput as error:
        raise ValueError(error.message) from None
    return document


class CompileRequest(Model):
    """A policy to compile."""

    policy: (
        Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"}), AfterValidator(_base64)]
        | Annotated[dict[str, Any], AfterValidator(_canonical)]
    )
    """PolicyV2, see docs/policy-language.md: its YAML in base64, or the document as JSON."""
    lint_mode: Literal["strict", "relaxed"] = "strict"
    """`strict` refuses on any error; `relaxed` only on those that make an IR impossible."""
    persist: bool = False
    """Whether to publish it under its id; only what passes strict lint is."""

    @model_validator(mode="after")
    def _is_published_strictly(self) -> Self:
        if self.persist and self.lint_mode != "strict":
            raise ValueError("only what passes strict lint is published")
        return self


class LintFinding(Model):
    """Something lint found in a policy, and what to do about it."""

    code: Annotated[str, Field(pattern="^[EW][0-9]{4}$", examples=["E1003"])]
    severity: Literal["error", "warning"]
    message: str
    file: str
    line: Annotated[int, Field(ge=1)]
    column: Annotated[int, Field(ge=1)]
    fix: str


class CompileAnswer(Model):
    """A compiled policy."""

    policy_id: PolicyId
    policy_hash: Hash
    ir_hash: Hash
    ir: PolicyIr
    persisted: bool
    """Whether it is published under its id now."""
    findings: list[LintFinding]
    """Warnings, and with `lint_mode: relaxed` errors, by position."""
