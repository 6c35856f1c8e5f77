"""The registry: loading a list of a million members (P6), looking for changes, and what a durable change costs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from engine.audit import AuditEvent
from engine.clock import SystemClock
from engine.registry import SqliteStore
from tests.bench.measure import alternate, table
from tests.samples.stored import AT, first_state, make_change, make_sample, next_state

MEMBERS = 1_000_000
EVENT = AuditEvent("bench.act", "done", "op-0")


def run() -> str:
    """Measure on a store of its own, on the disk that temporary files lie on."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "capctl.sqlite", SystemClock())
        try:
            return "\n\n".join((_loading(store), _looking(store), _changing(store)))
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
