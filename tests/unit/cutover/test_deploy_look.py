"""What a screen sees of a release and its checks: from files alone, whatever became of the target."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.cutover.load_ledger import Ledger, Outcome
from engine.cutover.load_report import LoadPlan, LoadReport
from engine.cutover.records import keep_record
from engine.cutover.slo import Slo
from engine.cutover.smoke import SmokeCheck, SmokeReport
from engine.cutover.target import Phase
from engine.errors import EngineError
from engine.ops.deploy_look import look
from engine.settings import Settings

NOW = datetime(2026, 3, 14, 1, 32, tzinfo=UTC)


def seen_in(folder: Path, **settings: str):  # type: ignore[no-untyped-def]  # what `look` returns
    """Look at the release of a fresh environment."""
    chosen = replace(Settings(env="demo", state_dir=folder / "state"), **settings)
    with open_context(chosen, actor="oncall", clock=ManualClock(NOW)) as ctx:
        return look(ctx, "kubernetes" if settings else "local", "cap", known=None)


def test_a_look_makes_nothing(tmp_path: Path) -> None:
    """Not even the folder in which releases will be kept."""
    seen = seen_in(tmp_path)
    assert seen.status is not None
    assert seen.status.phase is Phase.ABSENT
    assert not (tmp_path / "state" / "local").exists()


def test_a_target_that_cannot_be_asked_says_why_and_hides_no_check(tmp_path: Path) -> None:
    """The last smoke test is there although kubectl is not installed."""
    report = SmokeReport(
        NOW, "demo", "https://cap.example", (SmokeCheck("healthz", "GET /healthz", 200, 0.004, True, "alive"),)
    )
    keep_record(tmp_path / "state", "smoke", report.document, at=NOW)
    seen = seen_in(tmp_path, kubectl=str(tmp_path / "absent"))
    assert isinstance(seen.obstacle, EngineError)
    assert seen.obstacle.code == "deploy.no_tool"
    assert seen.smoke == report


def test_a_record_of_another_form_is_left_out_for_the_one_before(tmp_path: Path) -> None:
    """An update of capctl must not empty the screen, and a damaged file must not end it."""
    ledger = Ledger(duration_s=2.0, timeout_s=1.0)
    for place in range(4):
        ledger.note_due(place / 2, lag_s=0.0)
        ledger.settle(place / 2, 0.02, Outcome.ANSWERED, status=200)
    known = {"at": NOW, "env": "demo", "base": "https://cap.example", "elapsed_s": 2.0, "replicas": ((0.0, 2),)}
    report = LoadReport.of(ledger, LoadPlan(rps=2.0, duration_s=2.0), Slo(), **known)
    keep_record(tmp_path / "state", "load", report.document, at=NOW)
    keep_record(tmp_path / "state", "load", b'{"at": "2026-03-14T01:33:00Z"}', at=NOW.replace(minute=33))
    seen = seen_in(tmp_path).load
    assert seen is not None
    assert (seen.due, seen.failed, seen.replicas) == (4, 0, (2,))
    assert [slot.due for slot in seen.course] == [2, 2]
    assert seen.reasons == report.doubts
