"""The context of a verification: what is known about suppliers. Its shape only; values have reason codes."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from engine.decision.context import MAX_ITEMS, MAX_SUPPLIERS, MAX_VARIABLES, check_context
from engine.errors import InvalidInput
from engine.verifier.contract.base import GivenNumber, Model, Text, absent

Items: TypeAlias = Annotated[list[Text], Field(max_length=MAX_ITEMS)]
Scalar: TypeAlias = bool | GivenNumber | Text
Variables: TypeAlias = Annotated[
    dict[Text, Annotated[list[Scalar], Field(max_length=MAX_ITEMS)] | Scalar | None],
    Field(max_length=MAX_VARIABLES, description="Inputs of the policy that are no field of a context."),
]


class SupplierRecord(Model):
    """One supplier. What it lacks is missing: it inherits nothing from another supplier."""

    supplier_hash: Text
    """Keyed hash of the supplier's number; once in a context."""
    ubo_hashes: Items = absent()
    """Hashes of the ultimate beneficial owners."""
    supplier_regions: Items = absent()
    """Countries or regions of its sites."""
    audit_dates: Items = absent()
    """RFC 3339 dates."""
    variables: Variables = absent()


class Context(Model):
    """Aggregate lists over all suppliers, or a record for each of them, and what all of them share.

    Beside `suppliers` the aggregate lists are left out, or are exactly what the records join to.
    """

    supplier_hashes: Annotated[list[Text], Field(max_length=MAX_SUPPLIERS)] = absent()
    ubo_hashes: Items = absent()
    supplier_regions: Items = absent()
    audit_dates: Items = absent()
    """RFC 3339 dates."""
    sanctions_root: Text = absent()
    """Merkle root of the sanctions list to check against, `sha3-256:...`. An unknown one fails every rule that needs
    it."""
    high_risk_root: Text = absent()
    """Merkle root of the list of high-risk regions."""
    variables: Variables = absent()
    suppliers: Annotated[list[SupplierRecord], Field(max_length=MAX_SUPPLIERS)] = absent()

    @model_validator(mode="after")
    def _records_agree(self) -> Self:
        given: dict[str, Any] = self.model_dump(exclude_unset=True)
        try:
            check_context(given)
        except InvalidInput as error:
            raise ValueError(error.message) from None
        return self


def _is_true(value: bool) -> bool:
    if not value:
        raise ValueError("only true stands for the demonstration context")
    return value


class DemoContext(Model):
    """Stands for the built-in demonstration context."""

    demo: Annotated[bool, AfterValidator(_is_true), Field(alias="_demo", json_schema_extra={"const": True})]
