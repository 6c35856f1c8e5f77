"""What the simulated services offer: entity sets as data, and the `$metadata` document made from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

NAMESPACES: Final = {
    "edmx": "http://schemas.microsoft.com/ado/2007/06/edmx",
    "m": "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata",
    "edm": "http://schemas.microsoft.com/ado/2008/09/edm",
    "sap": "http://www.sap.com/Protocols/SAPData",
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an entity type."""

    name: str
    type: str = "Edm.String"
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class EntitySet:
    """An entity set with its one entity type."""

    service: str
    name: str
    type_name: str
    key: tuple[str, ...]
    properties: tuple[Property, ...]
    writable: bool = False

    def property(self, name: str) -> Property | None:
        """The property of that name."""
        return next((p for p in self.properties if p.name == name), None)


SUPPLIERS: Final = EntitySet(
    service="Z_CAP_SUPPLIERS_SRV",
    name="SupplierSet",
    type_name="Supplier",
    key=("SupplierId",),
    properties=(
        Property("SupplierId", max_length=10, nullable=False),
        Property("SupplierName", max_length=80),
        Property("Jurisdiction", max_length=3),
        Property("Tier", "Edm.Int32"),
        Property("LastAuditDate", "Edm.DateTime", precision=0),
        Property("SanctionFlag", max_length=1),
        Property("RiskScore", "Edm.Decimal", precision=5, scale=2),
        Property("GrievanceChannel", "Edm.Boolean"),
        Property("AnnualSpend", "Edm.Decimal", precision=15, scale=2),
        Property("Iban", max_length=34),
    ),
)

STATUS: Final = EntitySet(
    service="Z_CAP_STATUS_SRV",
    name="SupplierStatusSet",
    type_name="SupplierStatus",
    key=("RunId", "SupplierId"),
    properties=(
        Property("RunId", max_length=32, nullable=False),
        Property("SupplierId", max_length=10, nullable=False),
        Property("Status", max_length=4),
        Property("ValidUntil", "Edm.DateTime", precision=0),
        Property("ManifestHash", max_length=80),
        Property("PolicyHash", max_length=80),
        Property("IrHash", max_length=80),
        Property("RulesJson", max_length=5000),
        Property("VerifiedAt", "Edm.DateTime", precision=0),
    ),
    writable=True,
)

ENTITY_SETS: Final = {SUPPLIERS.service: SUPPLIERS, STATUS.service: STATUS}
"""By service; each service has one set."""


def metadata_document(entity_set: EntitySet, *, without: frozenset[str] = frozenset()) -> str:
    """The EDMX document of a set's service.

    Args:
        entity_set: The one set of the service.
        without: Properties to leave out.
    """
    xmlns = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items() if prefix != "edm")
    return "".join(
        (
            '<?xml version="1.0" encoding="utf-8"?>',
            f'<edmx:Edmx Version="1.0" {xmlns}><edmx:DataServices m:DataServiceVersion="2.0">',
            f'<Schema Namespace="{entity_set.service}" xmlns="{NAMESPACES["edm"]}" sap:schema-version="1">',
            f'<EntityType Name="{entity_set.type_name}" sap:content-version="1"><Key>',
            *(f'<PropertyRef Name="{name}"/>' for name in entity_set.key if name not in without),
            "</Key>",
            *(_property(p) for p in entity_set.properties if p.name not in without),
            f'</EntityType><EntityContainer Name="{entity_set.service}_Entities" m:IsDefaultEntityContainer="true">',
            f'<EntitySet Name="{entity_set.name}" EntityType="{entity_set.service}.{entity_set.type_name}"/>',
            "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>",
        )
    )


def _property(p: Property) -> str:
    return "<Property " + " ".join(f"{name}={quoteattr(value)}" for name, value in _attributes(p)) + "/>"


def _attributes(p: Property) -> Iterator[tuple[str, str]]:
    yield "Name", p.name
    yield "Type", p.type
    yield "Nullable", str(p.nullable).lower()
    for name, value in (("MaxLength", p.max_length), ("Precision", p.precision), ("Scale", p.scale)):
        if value is not None:
            yield name, str(value)
