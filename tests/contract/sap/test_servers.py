"""Fifty of fifty and never twice, on our simulator, on mock-sap and on SAP's own CAP server, counted independently."""

from __future__ import annotations

import pytest

from engine.errors import Conflict
from tests.contract.sap.adapter import HASH, verdict
from tests.contract.sap.conftest import MakeAdapter
from tests.contract.sap.servers import Server

OTHER = "sha3-256:" + 64 * "6"
NUMBERS = {f"{number:010d}" for number in range(1, 51)}


def test_every_row_is_written_once_with_its_hashes(server: Server, adapter: MakeAdapter) -> None:
    """50/50 with all three hashes, and a second run writes nothing."""
    first = adapter(server.odata).write_back()
    again = adapter(server.odata).write_back()
    rows = server.rows("RUN_1")
    assert (first.is_proven, first.confirmed, first.created) == (True, 50, 50)
    assert (again.is_proven, again.created, again.requests) == (True, 0, 0)
    assert len(rows) == 50
    assert {row["SupplierId"] for row in rows} == NUMBERS
    assert {(row["ManifestHash"], row["PolicyHash"], row["IrHash"]) for row in rows} == {(HASH, HASH, HASH)}


def test_the_same_run_id_with_other_content_is_refused(server: Server, adapter: MakeAdapter, tmp_path: object) -> None:
    """Also by a machine that knows nothing of the first run: SAP's rows say so."""
    adapter(server.odata).write_back()
    stranger = adapter(server.odata)
    stranger._folder = stranger._folder / "another machine"
    with pytest.raises(Conflict, match="Idempotency key reused"):
        stranger.write_back(payload=verdict("FAIL", OTHER))
    assert {row["Status"] for row in server.rows("RUN_1")} == {"OK"}


def test_a_deliberate_overwrite_replaces_every_row_once(server: Server, adapter: MakeAdapter) -> None:
    """--update: still fifty rows, all of them new."""
    adapter(server.odata).write_back()
    tally = adapter(server.odata).write_back(payload=verdict("FAIL", OTHER), update=True)
    rows = server.rows("RUN_1")
    assert tally.is_proven
    assert len(rows) == 50
    assert {(row["Status"], row["ManifestHash"]) for row in rows} == {("FAIL", OTHER)}


@pytest.mark.parametrize("batch_size", [0, 7])
def test_the_size_of_batches_does_not_matter(server: Server, adapter: MakeAdapter, batch_size: int) -> None:
    """Single requests, or batches that do not divide the rows evenly."""
    tally = adapter(server.odata).write_back(batch_size=batch_size)
    assert tally.is_proven
    assert len(server.rows("RUN_1")) == 50


def test_every_server_gives_the_same_records(
    mock_sap_server: Server, simulated_server: Server, adapter: MakeAdapter
) -> None:
    """Null or empty, 11 or 11.00, 1753 or null: the context's hash must not depend on who sends it."""
    ours, theirs = (
        sorted((s.record for s in adapter(odata).reader().suppliers()), key=lambda record: record["supplier_hash"])
        for odata in (simulated_server.odata, mock_sap_server.odata)
    )
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_cap_gives_the_same_records(cap_server: Server, simulated_server: Server, adapter: MakeAdapter) -> None:
    """The same of SAP's own server, which pages by 20 and names itself by another host."""
    ours, theirs = (
        sorted((s.record for s in adapter(odata).reader().suppliers()), key=lambda record: record["supplier_hash"])
        for odata in (simulated_server.odata, cap_server.odata)
    )
    assert ours == theirs
