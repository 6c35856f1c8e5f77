"""The registry: a list of a million members (P6), looking for changes, a durable change, a signature over the trail."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from engine.audit import AuditEvent
from engine.clock import SystemClock
from engine.readiness.trail import TrailMark, still_leads_to
from engine.registry import SqliteStore, audit_log
from tests.bench.measure import alternate, table
from tests.samples.stored import AT, first_state, make_change, make_sample, next_state

MEMBERS = 1_000_000
RECORDS = (1_000, 10_000, 100_000)
EVENT = AuditEvent("bench.act", "done", "op-0")


def run() -> str:
    """Measure on a store of its own, on the disk that temporary files lie on."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "capctl.sqlite", SystemClock())
        try:
            return "\n\n".join((_loading(store), _looking(store), _changing(store), _asking(store)))
        finally:
            store.close()


def _loading(store: SqliteStore) -> str:
    lines = "\n".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(MEMBERS)).encode()
    root = store.import_set("bench", _build(lines), at=AT, audit=EVENT).root
    timings = alternate(
        "built from its lines",
        {
            "built from its lines": partial(_build, lines),
            "loaded from the registry": partial(store.reference_set, root),
        },
        blocks=5,
    )
    return table(timings, f"{MEMBERS:,} members", "build")


def _build(lines: bytes) -> frozenset[str]:
    return frozenset(lines.decode().split("\n"))


def _looking(store: SqliteStore) -> str:
    store.commit_rollout(make_change(first_state()), expected_revision=None, audit=EVENT)
    timings = alternate(
        "version_token", {"version_token": store.version_token, "rollout": partial(store.rollout, "p.v1")}
    )
    return table(timings, "look", "version_token")


def _changing(store: SqliteStore) -> str:
    """In CPU time, as everything here: waiting for the disk comes on top of it."""
    timings = alternate(
        "report_evidence",
        {
            "report_evidence": partial(store.report_evidence, [make_sample()]),
            "append_audit": partial(store.append_audit, EVENT, at=AT),
            "commit_rollout": _committer(store),
        },
        blocks=20,
    )
    return table(timings, "change", "report_evidence")


def _committer(store: SqliteStore) -> Callable[[], None]:
    revisions = count(1)
    states = [first_state()]

    def commit() -> None:
        states[0] = next_state(states[0])
        store.commit_rollout(make_change(states[0]), expected_revision=next(revisions), audit=EVENT)

    return commit


def _asking(store: SqliteStore) -> str:
    """What a promotion asks of the audit trail since the readiness review was signed, and the whole trail beside it."""
    work: dict[str, Callable[[], object]] = {}
    for records in RECORDS:
        while (recorded := store.audit_head().seq) < records:
            _record(store, records - recorded)
        mark = TrailMark(records, store.audit_head().hash)
        work[f"signed over {records:,} records"] = partial(still_leads_to, store, mark)
    work[f"all of {records:,} records"] = partial(still_leads_to, store, mark, most=None)
    first = next(iter(work))
    return table(alternate(first, work, blocks=5), "question", f"{RECORDS[0]:,} records")


def _record(store: SqliteStore, records: int) -> None:
    """Many records in one transaction: a durable one each would wait for the disk for minutes."""
    with store._database.write() as connection:
        for _ in range(records):
            audit_log.append(connection, EVENT, at=AT)
