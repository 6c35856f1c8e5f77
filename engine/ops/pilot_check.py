"""Whether the SAP system that is meant can be worked with, before anything is pulled or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.context import Progress
from engine.ops.pilot_system import named_system, open_system, supplier_source
from engine.ops.results.pilot import SystemCheck
from engine.sap.mapping import OPTIONAL, SUPPLIER_ID
from engine.sap.table import open_table

if TYPE_CHECKING:
    from engine.context import EngineContext


def check_system(
    ctx: EngineContext, odata: str | None, client: str | None, *, table: str, ca_file: str | None
) -> SystemCheck:
    """Log on, read both services' metadata and one supplier's number; see `engine.ops.pilot.check`.

    Each request is tried once: whoever asks whether SAP answers wants to know now.

    Raises:
        EngineError: SAP cannot be reached, refuses, or lacks what every run needs.
    """
    ctx.emit(Progress("connecting", 0))
    with open_system(ctx, odata, client, table=table, ca_file=ca_file, attempts=1) as connection:
        source = supplier_source(connection)
        page = next(source.entities([SUPPLIER_ID], page_size=1))
        ctx.emit(Progress("connecting", 1))
        status = open_table(connection, forced=True)
        return SystemCheck(
            system=named_system(ctx, odata=odata),
            client=connection.target.client,
            suppliers=page.total,
            absent=tuple(name for name in OPTIONAL if name not in source.properties),
            table=table,
            has_unique_key=status.has_unique_key,
        )
