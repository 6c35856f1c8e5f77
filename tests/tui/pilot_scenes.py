"""Frozen moments of the SAP pilot, from which the tests draw its screen. Every number is chosen, none measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import pytest

from capctl.tui.app import ControlRoom
from capctl.tui.messages import Call, OperationProgressed, OperationStarted
from engine.audit import AuditEvent, AuditRecord
from engine.context import EngineContext, Progress
from engine.errors import EngineError, Refused
from engine.ops.catalogue import REGISTRY
from engine.ops.results.audit import ShownRecord
from engine.ops.results.pilot import (
    PilotSnapshot,
    PilotStatus,
    PlannedRow,
    RuleCount,
    RunSummary,
    SystemCheck,
    WrittenBack,
)
from engine.ops.results.pilot_look import BegunRun, PilotLook, SupplierRow
from tests.tui.scenes import NOW

RUN: Final = "RUN_20260314_013107_5b1c0e"
BEFORE: Final = "RUN_20260313_220412_9a77d1"
HASHES: Final = {
    "context_hash": ["sha3-256:" + "c41e77a0" * 8],
    "manifest_hash": ["sha3-256:" + "9f02be15" * 8],
    "policy_hash": ["sha3-256:" + "7c1e04bb" * 8],
    "ir_hash": ["sha3-256:" + "3fa9d210" * 8],
    "kid": ["results-2026-01"],
    "results": ["sha3-256:" + "ab41c09e" * 8],
}
RULES: Final = {
    "FAIL": [("S03_audit_within_a_year", "missing_input"), ("S05_risk_acceptable", "above_maximum")],
    "WARN": [("S04_region_not_high_risk", "intersection_found")],
    "OK": [],
}
STATUSES: Final = ("FAIL",) * 8 + ("WARN",) * 4 + ("OK",) * 38


def pseudonym(number: int) -> str:
    """A keyed hash."""
    return f"hmac-sha256:5d2f9a01:{sha256(str(number).encode()).hexdigest()}"


def suppliers(state: str = "confirmed") -> tuple[SupplierRow, ...]:
    """The fifty suppliers of a run."""
    return tuple(
        SupplierRow(pseudonym(i), status, state, tuple(RULES[status][: 1 + i % 2])) for i, status in enumerate(STATUSES)
    )


def run(**changes: Any) -> PilotSnapshot:
    """A run that is proven."""
    proven = PilotSnapshot(
        run_id=RUN,
        started_at=NOW - timedelta(seconds=60),
        stage="proven",
        total=50,
        states={"confirmed": 50},
        verdicts={"ok": 38, "warn": 4, "fail": 8},
        violations=(
            RuleCount("S03_audit_within_a_year", "missing_input", 5),
            RuleCount("S04_region_not_high_risk", "intersection_found", 3),
            RuleCount("S05_risk_acceptable", "above_maximum", 2),
            RuleCount("S02_not_flagged_by_sap", "not_equal", 1),
        ),
        faults={},
        proven_at=NOW - timedelta(seconds=42),
        evidence={"results": ["sha3-256:" + "ab" * 32]},
    )
    return replace(proven, **changes)


def record(seq: int, outcome: str, *, age_s: int, **event: Any) -> ShownRecord:
    """A record of the audit trail about a pilot run."""
    told = AuditEvent("pilot.run", outcome, "actor:5c1", **event)
    return ShownRecord(
        AuditRecord(seq=seq, at=NOW - timedelta(seconds=age_s), prev="sha3-256:" + "0" * 64, event=told), "oncall", None
    )


def look(**changes: Any) -> PilotLook:
    """The everyday look: the latest run is proven."""
    found = run()
    moment = PilotLook(
        system="the simulator",
        problem="",
        status=PilotStatus(
            found,
            (RunSummary(RUN, found.started_at, "proven"), RunSummary(BEFORE, NOW - timedelta(hours=3), "proven")),
        ),
        facts=HASHES,
        rows=suppliers(),
        offset=0,
        matching=50,
        begun=(),
        resumable="",
        trail=(
            record(412, "done", age_s=42, object=RUN, intent=411, evidence="sha3-256:" + "e7" * 32),
            record(411, "intent", age_s=60, object="lksg-sap.v1"),
            record(388, "refused", age_s=9000, code="sap.throttled", intent=387),
            record(387, "intent", age_s=9001),
        ),
    )
    return replace(moment, **changes)


def empty(**changes: Any) -> PilotLook:
    """Nothing has been done yet."""
    nothing = {"status": PilotStatus(None, ()), "facts": {}, "rows": (), "matching": 0, "trail": ()}
    return look(**{**nothing, **changes})


def not_configured() -> PilotLook:
    """No system is named."""
    return empty(system="")


def stopped() -> PilotLook:
    """A run was killed after 20 of 50 rows."""
    found = run(stage="writing", states={"confirmed": 20, "sent": 10, "pending": 20}, proven_at=None, evidence=None)
    rows = tuple(replace(row, state="confirmed" if i < 20 else "pending") for i, row in enumerate(suppliers()))
    status = PilotStatus(found, (RunSummary(RUN, found.started_at, "writing"),))
    return look(status=status, rows=rows, resumable=RUN, trail=(record(411, "intent", age_s=60),))


def stopped_early() -> PilotLook:
    """A run was killed between two portions."""
    return empty(begun=(BegunRun(RUN, is_pulled=True, portions=3, verified=1),), resumable=RUN)


def checked() -> SystemCheck:
    """A system in good order."""
    return SystemCheck("the simulator", "100", 50, (), "Z_CAP_SUPPLIER_STATUS", has_unique_key=True)


def planned() -> WrittenBack:
    """What a dry run would write."""
    shared = {
        "ManifestHash": HASHES["manifest_hash"][0],
        "PolicyHash": HASHES["policy_hash"][0],
        "IrHash": HASHES["ir_hash"][0],
        "ValidUntil": "2027-03-14T00:00:00Z",
    }
    rows = tuple(
        PlannedRow(row.supplier, row.status, "create", {**shared, "Status": row.status, "RulesJson": str(i)})
        for i, row in enumerate(suppliers())
    )
    return WrittenBack(RUN, len(rows), created=0, waits=0, waited_s=0.0, planned=rows)


def written() -> WrittenBack:
    """What a run returns."""
    return WrittenBack(RUN, 50, created=50, waits=1, waited_s=12.1, evidence={"rows": 50}, evidence_hash="sha3-256:e7")


def logon_refused() -> EngineError:
    """A wrong password."""
    hint = "Check user, password and --client. Do not simply try again: SAP locks users after a few attempts."
    return Refused("sap.logon_failed", "SAP refused the logon (HTTP 401)", hint)


class Engine:
    """Stands where operations run: tells progress, then returns, fails, or hangs until it is let go.

    Args:
        answers: What each operation comes to: a result, an error, or None for one that goes on.
        progress: What is told on the way.
    """

    def __init__(self, answers: dict[str, Any], progress: tuple[Progress, ...] = ()) -> None:
        self.ran: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        self._progress = progress

    def __call__(self, op: Any, ctx: EngineContext, /, **arguments: Any) -> Any:
        self.ran.append((op.id, arguments))
        for told in self._progress:
            ctx.emit(told)
        answer = self._answers.get(op.id)
        if isinstance(answer, Exception):
            raise answer
        return answer


WRITING: Final = (
    Progress("starting", 0, None, f"run id {RUN}"),
    Progress("pulling", 50, 50),
    Progress("verifying", 1, 1),
    Progress("reading back", 0, 50),
    Progress("writing", 20, 50),
)
THROTTLED: Final = (*WRITING, Progress("waiting", 0, None, "SAP asked to wait 12 s"))


def seen(monkeypatch: pytest.MonkeyPatch, moment: Callable[[], PilotLook]) -> None:
    """Let the screen look at a moment instead of at files."""
    monkeypatch.setattr("engine.ops.pilot_look.look", lambda ctx, run_id, **options: moment())


def begin(app: ControlRoom, *, told: tuple[Progress, ...]) -> None:
    """Put a run on the screen that is under way and has told so much."""
    app.post_message(OperationStarted(1, Call(REGISTRY["pilot.run"])))
    for progress in told:
        app.post_message(OperationProgressed(1, progress))


def told(progress: Progress) -> OperationProgressed:
    """Further progress of the run that is under way."""
    return OperationProgressed(1, progress)
