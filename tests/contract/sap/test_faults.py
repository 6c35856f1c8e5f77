"""Whatever the network does, fifty rows are there once at the end, and no write was repeated without looking first."""

from __future__ import annotations

import random
from itertools import count

import pytest

from engine.errors import EngineError
from tests.contract.sap.adapter import Adapter
from tests.contract.sap.conftest import MakeAdapter, Simulate
from tests.contract.sap.proxy import REFUSED, FaultProxy, Seen, blind_repeats
from tests.contract.sap.servers import Server

LOST = ["lost_before", "lost_after", "reset_before", "reset_after", "truncated"]
ANSWERED = ["error_before", "error_after", "login_page", "login_page_after", "repeated", "late"]
WRITE_FAULTS = [*LOST, *ANSWERED, *REFUSED]
READ_FAULTS = ["lost_before", "reset_after", "error_before", "truncated", "throttle", "throttle_nonsense"]


def only(fault: str, *, writes: bool, times: int = 1) -> object:
    """Let the first requests of a kind meet a fault."""
    met = count(1)
    return lambda request: fault if request.is_write == writes and next(met) <= times else ""


def persist(adapter: Adapter, **options: object) -> int:
    """Do what an operator does: run the same command again until it succeeds; how often it took."""
    for attempt in range(1, 30):
        try:
            if adapter.write_back(**options).is_proven:  # type: ignore[arg-type]
                return attempt
        except EngineError:
            continue
    raise AssertionError("never done")


@pytest.mark.parametrize("fault", WRITE_FAULTS)
def test_a_fault_of_a_write(simulated_server: Server, adapter: MakeAdapter, fault: str) -> None:
    """The first two writes meet it; the run ends by itself."""
    with FaultProxy(simulated_server.odata, only(fault, writes=True, times=2)) as proxy:  # type: ignore[arg-type]
        tally = adapter(proxy.url).write_back(batch_size=20)
    assert (tally.is_proven, tally.confirmed, tally.duplicates) == (True, 50, 0)
    assert len(simulated_server.rows("RUN_1")) == 50
    assert blind_repeats(proxy.seen) == []


@pytest.mark.parametrize("fault", READ_FAULTS)
def test_a_fault_of_a_read(simulated_server: Server, adapter: MakeAdapter, fault: str) -> None:
    """Reads are simply repeated."""
    with FaultProxy(simulated_server.odata, only(fault, writes=False, times=3)) as proxy:  # type: ignore[arg-type]
        tally = adapter(proxy.url).write_back()
    assert tally.is_proven
    assert len(simulated_server.rows("RUN_1")) == 50


@pytest.mark.parametrize("seed", range(12))
def test_a_night_of_faults(simulated_server: Server, adapter: MakeAdapter, seed: int) -> None:
    """A third of all requests meet something; the operator starts the same command again when it gives up."""
    rng = random.Random(seed)

    def plan(request: Seen) -> str:
        faults = WRITE_FAULTS if request.is_write else READ_FAULTS
        return rng.choice(faults) if rng.random() < 0.33 else ""

    with FaultProxy(simulated_server.odata, plan) as proxy:
        persist(adapter(proxy.url), batch_size=rng.choice([0, 5, 20, 50]))
    rows = simulated_server.rows("RUN_1")
    assert len({row["SupplierId"] for row in rows}) == len(rows) == 50
    assert blind_repeats(proxy.seen) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["lost_after", "truncated", "error_after", "late", "throttle", "session_ended"])
def test_a_fault_in_front_of_cap(cap_server: Server, adapter: MakeAdapter, fault: str) -> None:
    """The same with SAP's own server behind it, which stops a batch at the first changeset that fails."""
    with FaultProxy(cap_server.odata, only(fault, writes=True, times=2)) as proxy:  # type: ignore[arg-type]
        tally = adapter(proxy.url).write_back(batch_size=20)
    assert (tally.is_proven, tally.duplicates) == (True, 0)
    assert len(cap_server.rows("RUN_1")) == 50
    assert blind_repeats(proxy.seen) == []


@pytest.mark.parametrize(
    "fault", sorted(set(WRITE_FAULTS) - {"repeated", "late"}), ids=lambda fault: f"no_unique_key-{fault}"
)
def test_without_a_unique_key_a_fault_still_makes_no_duplicate(
    simulate: Simulate, adapter: MakeAdapter, fault: str
) -> None:
    """What we do not write twice is not there twice, even where SAP would take it.

    A commit that lands after we looked, and a proxy that repeats by itself, are beyond any client.
    """
    simulator = simulate(unique_key=False)
    with FaultProxy(simulator.url, only(fault, writes=True, times=2)) as proxy:  # type: ignore[arg-type]
        tally = adapter(proxy.url).write_back(batch_size=20)
    assert (tally.is_proven, tally.duplicates) == (True, 0)
    assert len(simulator.status_rows()) == 50


def test_a_duplicate_that_somebody_else_made_is_reported(simulate: Simulate, adapter: MakeAdapter) -> None:
    """A proxy that repeats a write by itself, and a table without a unique key: counted, never called proven."""
    simulator = simulate(unique_key=False)
    with FaultProxy(simulator.url, only("repeated", writes=True)) as proxy:  # type: ignore[arg-type]
        tally = adapter(proxy.url).write_back()
    assert (tally.is_proven, tally.duplicates) == (False, 50)


def test_waits_are_as_long_as_sap_asks(simulated_server: Server, adapter: MakeAdapter) -> None:
    """Retry-After in seconds and as a date: at least 7 s and 9 s are waited, and at most a moment longer."""
    faults = iter(["throttle", "throttle_date"])
    plan = lambda request: next(faults, "") if request.is_write else ""  # noqa: E731
    with FaultProxy(simulated_server.odata, plan) as proxy:
        made = adapter(proxy.url)
        assert made.write_back().is_proven
    # The date is 9 s after the test's clock began, of which the first wait has used 7.
    assert 9 <= made.clock.monotonic() <= 11
