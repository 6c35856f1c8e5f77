"""Each difference between real servers, as an option of the simulator: the pilot copes, or says why it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import EngineError, Held, NotFound, Refused, Unavailable
from engine.sap.credentials import Credentials
from engine.sap.simulator import SimulatorOptions
from engine.sap.simulator.schema import SUPPLIERS
from engine.sap.table import open_table
from tests.contract.sap.conftest import MakeAdapter, Simulate
from tests.contract.sap.proxy import FaultProxy

COPED_WITH = {
    "no server paging": {"page_size": 0},
    "small pages": {"page_size": 7},
    "no count": {"inline_count": False},
    "a leaked inner host": {"next_host": "sap.internal.example:8000"},
    "a filter without effect": {"ignore_filter": True},
    "a skip without effect": {"ignore_skip": True, "page_size": 0},
    "no CSRF": {"csrf": False},
    "tokens for one use": {"csrf_uses": 1},
    "batches answered 200": {"batch_status": 200},
    "no batches": {"batch": False},
    "one operation per changeset": {"one_operation_per_changeset": True},
    "changesets that are not atomic": {"atomic_changesets": False},
    "the end at the first failure": {"stop_after_failed_changeset": True, "duplicate_status": 500},
    "small bodies": {"max_body_bytes": 6000},
    "throttling": {"throttle_every": 4, "retry_after": "3"},
    "throttling without a time": {"throttle_every": 3, "retry_after": ""},
    "XML errors": {"error_format": "xml", "one_operation_per_changeset": True},
    "trimmed decimals, empty texts": {"trim_decimals": True, "null_as_empty": True},
}


@pytest.mark.parametrize("options", COPED_WITH.values(), ids=COPED_WITH)
def test_a_difference_is_coped_with(simulate: Simulate, adapter: MakeAdapter, options: dict[str, object]) -> None:
    """Fifty rows, once; then nothing more."""
    simulator = simulate(**options)
    first, again = adapter(simulator.url).write_back(), adapter(simulator.url).write_back()
    assert (first.is_proven, first.confirmed) == (True, 50)
    assert again.requests == 0
    assert len(simulator.status_rows()) == 50


@pytest.mark.parametrize("page_size", [0, 7, 25, 50, 1000])
def test_pages_of_any_size_bring_every_supplier_once(simulate: Simulate, adapter: MakeAdapter, page_size: int) -> None:
    """Asked for in portions that divide the suppliers, or do not."""
    found = list(adapter(simulate().url, page_size=page_size).reader().suppliers())
    assert len({supplier.supplier_id for supplier in found}) == len(found) == 50


def refusal(make: MakeAdapter, url: str, **options: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        make(url, **options).write_back()
    return caught.value


def test_a_table_without_a_unique_key_is_refused_unless_forced(simulate: Simulate, adapter: MakeAdapter) -> None:
    """Before anything is written."""
    simulator = simulate(key_in_metadata=False)
    assert isinstance(refusal(adapter, simulator.url), Held)
    assert simulator.status_rows() == []
    assert adapter(simulator.url).write_back(force=True).is_proven


def test_paging_that_goes_in_circles_ends(simulate: Simulate, adapter: MakeAdapter) -> None:
    """Nothing is used of what came."""
    assert isinstance(refusal(adapter, simulate(repeat_page=True).url), Refused)


def test_a_skip_without_effect_on_full_windows_ends(simulate: Simulate, adapter: MakeAdapter) -> None:
    """The same suppliers come again: refused, rather than counted twice."""
    simulator = simulate(ignore_skip=True)
    assert refusal(adapter, simulator.url, page_size=10).code == "sap.paging_repeats"


def test_reading_back_ends_where_paging_does_not(simulate: Simulate, adapter: MakeAdapter) -> None:
    """A status service that ignores $skip and counts nothing would be read for ever."""
    simulator = simulate()
    adapter(simulator.url).write_back()
    simulator.behave(SimulatorOptions(ignore_skip=True, inline_count=False))
    table = open_table(adapter(simulator.url).connection)
    with pytest.raises(Refused, match="circles"):
        list(table.rows("RUN_1", page_size=10))


def test_a_missing_property_is_named(simulate: Simulate, adapter: MakeAdapter) -> None:
    """A required one ends the pull; an optional one is told, and its rules will fail."""
    simulator = simulate(without=("Jurisdiction",))
    assert "Jurisdiction" in refusal(adapter, simulator.url).message
    simulator.behave(SimulatorOptions(without=("RiskScore", "Tier")))
    reader = adapter(simulator.url).reader()
    assert reader.absent == ("Tier", "RiskScore")
    assert all("tier" not in s.record["variables"] for s in reader.suppliers())


def test_the_wrong_client_is_a_failed_logon(simulate: Simulate, adapter: MakeAdapter) -> None:
    """SAP answers 401 to it, which must not be tried again."""
    error = refusal(adapter, simulate(client="200").url)
    assert error.code == "sap.logon_failed"
    assert "--client" in error.hint


def test_a_wrong_password_is_tried_once(simulate: Simulate, adapter: MakeAdapter) -> None:
    """SAP locks a user after a few wrong passwords; one command must not use them up."""
    simulator = simulate(user="PILOT", password="right", lock_after=2)
    assert refusal(adapter, simulator.url, credentials=Credentials("PILOT", "wrong")).code == "sap.logon_failed"
    assert adapter(simulator.url, credentials=Credentials("PILOT", "right")).write_back().is_proven


def test_a_supplier_that_comes_twice_ends_the_pull(simulate: Simulate, adapter: MakeAdapter) -> None:
    """A view that joins a supplier to several rows would write one verdict twice."""
    simulator = simulate(count=5, unique_key=False)
    row = {p.name: None for p in SUPPLIERS.properties} | {"SupplierId": "0000000003"}
    simulator.store.insert(SUPPLIERS, [row])
    assert refusal(adapter, simulator.url).code == "sap.duplicate_supplier"


def test_odd_numbers_and_letters_survive(simulate: Simulate, adapter: MakeAdapter) -> None:
    """Quotes, slashes, blanks, umlauts and leading zeros in numbers: written, found again, overwritten."""
    simulator = simulate(count=1)
    for number in ("O'REILLY/1", "A B+C&D=E", "MÜLLER(1)", "0000 %41", "#?;,:@$"):
        row = {p.name: None for p in SUPPLIERS.properties} | {"SupplierId": number}
        simulator.store.insert(SUPPLIERS, [row])
    assert adapter(simulator.url).write_back().confirmed == 6
    tally = adapter(simulator.url).write_back(payload={**_other(), "Status": "FAIL"}, update=True, batch_size=0)
    assert (tally.is_proven, {row["Status"] for row in simulator.status_rows()}) == (True, {"FAIL"})


def _other() -> dict[str, str]:
    from tests.contract.sap.adapter import verdict

    return verdict(manifest="sha3-256:" + 64 * "7")


def test_a_missing_table_is_named(simulate: Simulate, adapter: MakeAdapter) -> None:
    """With what there is instead."""
    made = adapter(simulate().url + "/sap/opu/odata/sap/Z_CAP_STATUS_SRV/Z_OTHER")
    with pytest.raises(NotFound) as caught:
        made.write_back()
    assert "SupplierStatusSet" in caught.value.hint


def test_a_row_that_sap_refuses_does_not_keep_out_the_others(simulate: Simulate, adapter: MakeAdapter) -> None:
    """It drags its changeset down once; then it is alone, and it is told what SAP said."""
    simulator = simulate()
    simulator.store._db.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON SupplierStatusSet WHEN NEW.key LIKE '%0000000013%'"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    tally = adapter(simulator.url).write_back()
    assert (tally.confirmed, tally.total, tally.is_proven) == (49, 50, False)
    assert list(tally.faults.values()) == [1]


def test_nobody_there_is_said_in_one_line(adapter: MakeAdapter) -> None:
    """A port where nobody listens."""
    error = refusal(adapter, "http://127.0.0.1:9")
    assert isinstance(error, Unavailable)
    assert error.code == "sap.unreachable"


@pytest.mark.parametrize("path", ["$metadata", "SupplierSet"])
def test_a_login_page_in_sap_s_place_is_recognised(simulate: Simulate, adapter: MakeAdapter, path: str) -> None:
    """HTML with status 200, from a proxy or a single sign-on: one line, and nothing is used of it."""
    plan = lambda request: "login_page" if path in request.target else ""  # noqa: E731
    with FaultProxy(simulate().url, plan) as proxy:
        error = refusal(adapter, proxy.url)
    assert error.code in ("sap.metadata", "sap.unreadable")


@pytest.mark.slow
def test_an_answer_of_ten_megabytes(simulate: Simulate, adapter: MakeAdapter) -> None:
    """A server that sends all its suppliers at once."""
    simulator = simulate(count=20_000, page_size=0)
    assert sum(1 for _ in adapter(simulator.url, page_size=0).reader().suppliers()) == 20_000


def test_the_simulator_runs_as_a_process_of_its_own(adapter: MakeAdapter, tmp_path: Path) -> None:
    """It says where it answers, behaves as told, and ends when its stdin closes."""
    command = [sys.executable, "-m", "engine.sap.simulator", "--db", str(tmp_path / "db")]
    process = subprocess.Popen(
        [*command, "--suppliers", "7", "--options", '{"page_size": 3}'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert adapter(url).write_back().confirmed == 7
    process.communicate(timeout=20)
    assert process.returncode == 0
