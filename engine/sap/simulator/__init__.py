"""A simulated SAP system: OData V2 as Gateway speaks it, with the differences between real servers as options.

    with SimulatorServer(path, today=today) as sap:
        sap.url                                     # the host, as `--odata` takes it

It exists for the demonstration and for tests; nothing of the adapter knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.sap.simulator.options import SimulatorOptions
    from engine.sap.simulator.server import SimulatorServer

__all__ = ["SimulatorOptions", "SimulatorServer"]

__getattr__ = lazy_face(__name__, {"SimulatorOptions": "options", "SimulatorServer": "server"})
