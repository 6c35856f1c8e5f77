"""What all models of the contract have in common, and the scalar types they are made of.

Models are strict: a member that is not known, a number written as text, or null where nothing was promised is refused.
They validate JSON data as `strict_json` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from engine.canonical import MAX_SAFE_INTEGER
from engine.clock import from_rfc3339
from engine.decision.context import MAX_STRING
from engine.decision.verdict import Verdict
from engine.errors import InvalidInput
from engine.ids import HASH_PATTERN
from engine.policy.names import ID_PATTERN
from engine.rollout.plan import parse_percent


class Model(BaseModel):
    """A JSON object of the contract."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def absent() -> Any:
    """The default of a member that may be left out and must not be null; None stands for its absence in Python."""
    return Field(default_factory=lambda: None)


def anchored(pattern: str) -> str:
    """A pattern for JSON Schema, where patterns match anywhere unless anchored (draft 2020-12, section 6.3.3)."""
    return f"^(?:{pattern})$"


def _time(text: str) -> str:
    try:
        from_rfc3339(text)
    except InvalidInput as error:
        raise ValueError(error.message) from None
    return text


def _percent(value: Any) -> Any:
    try:
        parse_percent(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None
    return value


class OneOf:
    """Marks a text as one of the names that the engine keeps as data: `Annotated[str, OneOf(FUNCTIONS)]`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = [str(name) for name in names]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.literal_schema(self._names)


Hash: TypeAlias = Annotated[
    str,
    Field(
        pattern=anchored(HASH_PATTERN.pattern),
        description="SHA3-256 over canonical JSON (RFC 8785).",
        examples=["sha3-256:a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"],
    ),
]
PolicyId: TypeAlias = Annotated[str, Field(pattern=anchored(ID_PATTERN.pattern), examples=["lksg.v1"])]
RuleId: TypeAlias = Annotated[str, Field(pattern=anchored(ID_PATTERN.pattern), examples=["R1"])]
ReasonCode: TypeAlias = Annotated[
    str, Field(pattern="^[a-z][a-z_]{0,63}$", description="Why a rule does not hold, see docs/architecture.md.")
]
Time: TypeAlias = Annotated[
    str, AfterValidator(_time), Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T12:00:00Z"])
]
"""A time as the service writes it, RFC 3339 in UTC."""

Text: TypeAlias = Annotated[str, Field(max_length=MAX_STRING)]
Whole: TypeAlias = Annotated[int, Field(ge=0)]
Ratio: TypeAlias = Annotated[float, Field(ge=0, le=1, description="A share in 0..1.")]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
GivenNumber: TypeAlias = Annotated[float, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
"""A number that a caller sends: what every JSON reader keeps exactly (RFC 7493, section 2.2)."""
GivenPolicyId: TypeAlias = Annotated[str, Field(examples=["lksg.v1"])]
"""A policy as a caller names it; an unknown one is not found, however it is spelt."""

Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]
"""A share of requests in percent, as the service writes it."""
GivenPercent: TypeAlias = Annotated[
    float | str,
    BeforeValidator(_percent),
    WithJsonSchema(
        {
            "description": "A share of requests in percent, in steps of 0.01.",
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01},
                {"type": "string", "pattern": r"^(100|[0-9]{1,2})(\.[0-9]{1,2})?%?$"},
            ],
        }
    ),
]

VerdictName: TypeAlias = Annotated[str, OneOf(verdict.label for verdict in Verdict)]
