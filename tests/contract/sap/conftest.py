"""Servers and adapters for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from engine.sap.simulator import SimulatorOptions, SimulatorServer
from tests.contract.sap.adapter import Adapter
from tests.contract.sap.servers import TODAY, Server, cap, mock_sap

Simulate = Callable[..., SimulatorServer]
MakeAdapter = Callable[..., Adapter]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


@pytest.fixture
def simulate(stack: ExitStack, tmp_path: Path) -> Simulate:
    """Start simulated systems: `simulate(page_size=7)`."""

    def start(count: int = 50, today: date = TODAY, **options: object) -> SimulatorServer:
        path = tmp_path / "simulator.sqlite"
        return stack.enter_context(
            SimulatorServer(path, today=today, options=SimulatorOptions(**options), count=count)  # type: ignore[arg-type]
        )

    return start


@pytest.fixture
def adapter(stack: ExitStack, tmp_path: Path) -> MakeAdapter:
    """Make adapters, all of one machine."""

    def make(odata: str, **options: object) -> Adapter:
        made = Adapter(odata, tmp_path / "state", **options)  # type: ignore[arg-type]
        stack.callback(made.close)
        return made

    return make


@pytest.fixture
def mock_sap_server(tmp_path: Path) -> Iterator[Server]:
    with mock_sap(tmp_path) as server:
        yield server


@pytest.fixture
def cap_server(tmp_path: Path) -> Iterator[Server]:
    with cap(tmp_path) as server:
        yield server


@pytest.fixture
def simulated_server(simulate: Simulate) -> Server:
    simulator = simulate()
    return Server(simulator.url, lambda run_id: [row for row in simulator.status_rows() if row["RunId"] == run_id])


@pytest.fixture(
    params=[
        "simulated_server",
        "mock_sap_server",
        pytest.param("cap_server", marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
    ]
)
def server(request: pytest.FixtureRequest) -> Server:
    """Each server that the adapter must get along with: ours, PyPI's mock-sap, SAP's CAP."""
    found: Server = request.getfixturevalue(request.param)
    return found
