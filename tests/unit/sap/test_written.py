"""The count of written rows: what was confirmed, once, and nothing where there is no ledger."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from engine.sap.outbox import Outbox, State
from engine.sap.written import WrittenRows

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROWS = [("a", {"Status": "OK"}), ("b", {"Status": "OK"}), ("c", {"Status": "FAIL"})]


def test_only_what_was_read_back_counts(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(Outbox(path)) as outbox:
        outbox.begin("RUN_1", ROWS, target="target", facts={"content_hash": "sha3-256:0"}, now=NOW)
        rows = WrittenRows(path)
        rows.read()
        assert rows.by_status == {"OK": 0, "WARN": 0, "FAIL": 0}
        outbox.observe("RUN_1", [("a", State.CONFIRMED, ""), ("c", State.CONFIRMED, "")], round_number=1)
        rows.read()
        assert rows.by_status == {"OK": 1, "WARN": 0, "FAIL": 1}
        rows.close()


def test_without_a_ledger_there_is_nothing_and_a_damaged_one_is_left_alone(tmp_path: Path) -> None:
    rows = WrittenRows(tmp_path / "outbox.sqlite")
    rows.read()
    assert rows.by_status == {"OK": 0, "WARN": 0, "FAIL": 0}
    (tmp_path / "outbox.sqlite").write_bytes(b"no database" * 100)
    rows.read()
    assert rows.by_status == {"OK": 0, "WARN": 0, "FAIL": 0}
