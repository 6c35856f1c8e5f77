"""Suppliers out of SAP, as records of a context: a stream, of which only counted keys stay in memory.

What comes is complete or nothing is used: a supplier that comes twice, or another number of them than SAP says there
are, ends the pull.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from engine.context import Progress, ignore_progress
from engine.errors import Refused
from engine.sap.client import DEFAULT_PAGE_SIZE, EntitySource
from engine.sap.mapping import FLAGS, OPTIONAL, REQUIRED, RISK_SCORE, SUPPLIER_ID, Record, Shape, supplier_record
from engine.sap.pseudonym import Pseudonymizer

DIGEST_BYTES: Final = 12
"""Of each supplier number that came: two of 10 million suppliers collide with a probability below 10^-14."""


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier as it was read: its number stays here, its record goes out."""

    supplier_id: str
    record: Record


class SupplierReader:
    """Reads every supplier of a source.

    Args:
        source: The supplier set.
        pseudonymizer: Makes the keyed hashes.
        condition: $filter, which the operator chose.
        page_size: Suppliers asked for at once; 0 leaves it to the server.
        emit: Where progress goes.

    Raises:
        Refused: The set lacks a property without which there is no record.
    """

    def __init__(
        self,
        source: EntitySource,
        pseudonymizer: Pseudonymizer,
        *,
        condition: str = "",
        page_size: int = DEFAULT_PAGE_SIZE,
        emit: Callable[[Progress], None] = ignore_progress,
    ) -> None:
        missing = [name for name in REQUIRED if name not in source.properties]
        if missing:
            raise Refused(
                "sap.property_missing",
                f"{source.name} has no {', '.join(missing)}",
                "docs/sap.md lists the properties of the service; its developer has to add what is missing.",
            )
        self._source = source
        self._pseudonymizer = pseudonymizer
        self._condition = condition
        self._page_size = page_size
        self._emit = emit
        self.absent = tuple(name for name in OPTIONAL if name not in source.properties)
        """Properties that would be used and that this system does not have."""

    @property
    def _shape(self) -> Shape:
        properties = self._source.properties
        risk = properties.get(RISK_SCORE)
        flags = (name for name in FLAGS if name in properties and properties[name].edm == "Edm.String")
        return Shape(risk.scale if risk else None, frozenset(flags))

    def suppliers(self) -> Iterator[Supplier]:
        """Every supplier with its record.

        Raises:
            Refused: One came twice or has no number, or another number of them came than SAP counted.
        """
        selected = [name for name in (*REQUIRED, *OPTIONAL) if name not in self.absent]
        shape = self._shape
        for values in self._rows(selected, "pulling"):
            record = supplier_record(values, self._pseudonymizer.supplier, shape)
            yield Supplier(values[SUPPLIER_ID], record)

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Every supplier's pseudonym and number, for write-back. Raises what `suppliers` raises."""
        for values in self._rows([SUPPLIER_ID], "finding suppliers"):
            yield self._pseudonymizer.supplier(values[SUPPLIER_ID]), values[SUPPLIER_ID]

    def _rows(self, selected: list[str], step: str) -> Iterator[dict[str, Any]]:
        seen: set[bytes] = set()
        total = None
        for page in self._source.entities(selected, condition=self._condition, page_size=self._page_size):
            total = page.total if page.total is not None else total
            for entity in page.entities:
                self._count(entity.values.get(SUPPLIER_ID), seen)
                yield entity.values
            self._emit(Progress(step, len(seen), total))
        if total is not None and total != len(seen):
            raise Refused(
                "sap.incomplete",
                f"SAP counted {total} suppliers and sent {len(seen)}",
                "They may have changed meanwhile: pull again. If it stays so, the service's paging is faulty.",
            )

    def _count(self, supplier_id: Any, seen: set[bytes]) -> None:
        if not isinstance(supplier_id, str) or not supplier_id:
            raise Refused(
                "sap.no_number", "SAP sent a supplier without a number", "Nothing was used. Check the service."
            )
        digest = hashlib.blake2b(self._pseudonymizer.supplier(supplier_id).encode(), digest_size=DIGEST_BYTES).digest()
        if digest in seen:
            raise Refused(
                "sap.duplicate_supplier",
                f"SAP sent a supplier twice, after {len(seen)} others",
                "Nothing was used. Either the service's paging overlaps, or its view joins a supplier to several rows.",
            )
        seen.add(digest)
