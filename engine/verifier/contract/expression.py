"""Expressions of an IR as JSON data, see docs/ir.md. Depth, length and references are checked with the whole IR."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, RootModel, Tag

from engine.canonical import MAX_SAFE_INTEGER
from engine.policy.ast import COMPARISONS, FUNCTIONS, MAX_ARGUMENTS
from engine.policy.literals import DECIMAL_PATTERN
from engine.policy.names import NAME_PATTERN
from engine.verifier.contract.base import Model, OneOf, Text, anchored

SafeInteger: TypeAlias = Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]


class Constant(Model):
    """A whole number, a text, true or false."""

    const: bool | SafeInteger | Text


class Decimal(Model):
    """A number with a fraction; as text, because an IR holds no floats."""

    decimal: Annotated[str, Field(pattern=anchored(DECIMAL_PATTERN.pattern), max_length=17, examples=["0.35"])]


class Date(Model):
    """A date, or a date and time with a zone."""

    date: Annotated[str, Field(max_length=40, examples=["2026-01-31", "2026-01-31T12:00:00Z"])]


class Duration(Model):
    """An ISO 8601 duration without years and months."""

    duration: Annotated[str, Field(max_length=64, examples=["P365D", "PT12H", "P2W"])]


class Variable(Model):
    """An input of the policy, or inside a predicate the id of another predicate."""

    var: Annotated[str, Field(pattern=anchored(NAME_PATTERN.pattern))]


class ConstantList(Model):
    """A list of constants."""

    list: list[Constant | Decimal | Date | Duration]


class Call(Model):
    """A function call; `max` and `min` take one list, or several values."""

    func: Annotated[str, OneOf(FUNCTIONS)]
    args: Annotated[list[Expression], Field(max_length=MAX_ARGUMENTS)]


class Comparison(Model):
    """A comparison of two values."""

    cmp: Annotated[str, OneOf(COMPARISONS)]
    args: Annotated[list[Expression], Field(min_length=2, max_length=2)]


class Conjunction(Model):
    """All of these hold."""

    and_: Annotated[list[Expression], Field(alias="and", min_length=2)]


class Disjunction(Model):
    """At least one of these holds."""

    or_: Annotated[list[Expression], Field(alias="or", min_length=2)]


class Negation(Model):
    """This does not hold."""

    not_: Annotated[Expression, Field(alias="not")]


_KEYS = ("const", "decimal", "date", "duration", "var", "list", "func", "cmp", "and", "or", "not")


def _form(value: Any) -> str | None:
    """Which form an expression has, as data or as a model: that of the first key that belongs to one."""
    if isinstance(value, Model):
        keys = {field.alias or name for name, field in type(value).model_fields.items()}
    else:
        keys = set(value) if isinstance(value, dict) else set()
    return next((key for key in _KEYS if key in keys), None)


_AnyForm: TypeAlias = Annotated[
    Annotated[Constant, Tag("const")]
    | Annotated[Decimal, Tag("decimal")]
    | Annotated[Date, Tag("date")]
    | Annotated[Duration, Tag("duration")]
    | Annotated[Variable, Tag("var")]
    | Annotated[ConstantList, Tag("list")]
    | Annotated[Call, Tag("func")]
    | Annotated[Comparison, Tag("cmp")]
    | Annotated[Conjunction, Tag("and")]
    | Annotated[Disjunction, Tag("or")]
    | Annotated[Negation, Tag("not")],
    Discriminator(_form),
]


class Expression(RootModel[_AnyForm]):
    """An expression: a value, a function of values, or a condition."""

    model_config = ConfigDict(strict=True, frozen=True)


for _model in (Call, Comparison, Conjunction, Disjunction, Negation):
    _model.model_rebuild()
