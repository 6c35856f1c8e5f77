"""The simulator on a loopback port, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from engine.sap.simulator.options import SimulatorOptions
from engine.sap.simulator.schema import STATUS, SUPPLIERS
from engine.sap.simulator.seed import suppliers
from engine.sap.simulator.store import Entity, SimulatorStore

if TYPE_CHECKING:
    import uvicorn

DEMO_SUPPLIERS: Final = 50


class SimulatorServer:
    """A simulated system that answers while the `with` block runs.

    Args:
        path: Its database; `:memory:` forgets everything at the end.
        today: What audit dates of new suppliers count back from.
        options: How it behaves.
        count: Suppliers to begin with, where the database has none.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        today: date,
        options: SimulatorOptions | None = None,
        count: int = DEMO_SUPPLIERS,
        port: int = 0,
    ) -> None:
        self.options = options or SimulatorOptions()
        self._path = path
        self._today = today
        self._count = count
        self._port = port
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self.url = ""
        """Where it answers, once the block is entered."""

    def __enter__(self) -> Self:
        from engine.sap.simulator.app import Simulator

        self.store = SimulatorStore(self._path, unique_key=self.options.unique_key)
        furnish(self.store, self._count, self._today)
        self.simulator = Simulator(self.store, self.options)
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = quiet_server(self.simulator.app())
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join()
        self.store.close()

    def behave(self, options: SimulatorOptions) -> None:
        """Change how it behaves, from the next request on."""
        self.options = self.simulator.options = options

    def status_rows(self) -> list[Entity]:
        """Every row of the status table, read from the database and not through the service."""
        return [stored.entity for stored in self.store.select(STATUS, "1", (), skip=0, limit=10**9)]


def furnish(store: SimulatorStore, count: int, today: date) -> None:
    """Put suppliers into a database that has none."""
    if not store.count(SUPPLIERS):
        with store.transaction():
            store.insert(SUPPLIERS, suppliers(count, today))


def quiet_server(app: Any) -> uvicorn.Server:
    """An ASGI server that writes nothing. It runs in a thread, and therefore handles no signals."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="off", server_header=False)
    )
