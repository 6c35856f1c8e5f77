"""The verifier's eye on the audit trail: what it counts, how much it reads at a time, and that it goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.audit import AuditEvent
from engine.context import EngineContext
from engine.telemetry.security import SecurityMetrics
from engine.verifier import trail_watch
from engine.verifier.trail_watch import LINES_A_LOOK, TrailWatch

RECORDS = 40


@pytest.fixture
def ctx(open_ctx: Callable[[], EngineContext]) -> EngineContext:
    ctx = open_ctx()
    record(ctx, RECORDS)
    return ctx


@pytest.fixture
def metrics() -> SecurityMetrics:
    return SecurityMetrics()


@pytest.fixture
def watch(ctx: EngineContext, metrics: SecurityMetrics) -> TrailWatch:
    return TrailWatch(ctx, metrics)


def record(ctx: EngineContext, count: int) -> None:
    for _ in range(count):
        ctx.store.append_audit(AuditEvent("rollout.pause", "done", "actor:x"), at=ctx.clock.now())


def tamper(ctx: EngineContext, *statements: str) -> None:
    """Alter the trail as somebody with the file can."""
    with closing(sqlite3.connect(ctx.settings.store_path)) as connection, connection:
        for event in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_keeps_every_row_{event}")
        for statement in statements:
            connection.execute(statement)


ALTER_7 = "UPDATE audit SET line = CAST(replace(CAST(line AS TEXT), 'pause', 'nudge') AS BLOB) WHERE seq = 7"


def test_a_sound_trail_counts_nothing_however_often_it_is_looked_at(
    watch: TrailWatch, metrics: SecurityMetrics
) -> None:
    for _ in range(4):
        watch.look()
    assert metrics.audit_chain_breaks == 0


def test_a_record_that_was_altered_is_counted_once_whatever_the_number_of_rounds(
    ctx: EngineContext, watch: TrailWatch, metrics: SecurityMetrics
) -> None:
    watch.look()
    tamper(ctx, ALTER_7)
    counted = []
    for _ in range(4):
        watch.look()
        counted.append(metrics.audit_chain_breaks)
    assert counted[0] > 0
    assert set(counted) == {counted[0]}


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM audit WHERE seq = 5", f"DELETE FROM audit WHERE seq = {RECORDS}", "UPDATE audit SET line = 'x'"],
    ids=["one in the middle", "the last", "all of them"],
)
def test_what_was_removed_or_overwritten_is_counted(
    ctx: EngineContext, watch: TrailWatch, metrics: SecurityMetrics, statement: str
) -> None:
    tamper(ctx, statement)
    watch.look()
    assert metrics.audit_chain_breaks > 0


def test_a_trail_that_was_rewritten_soundly_is_seen_against_the_second_place(
    open_ctx: Callable[[], EngineContext], tmp_path: Path, metrics: SecurityMetrics
) -> None:
    """Another registry's trail, sound in itself, under this one's checkpoints."""
    ctx = open_ctx()
    record(ctx, 3)
    ctx.close()  # makes the checkpoint
    kept = (tmp_path / "state" / "capctl.sqlite").read_bytes()
    ctx = open_ctx()
    record(ctx, 2)
    ctx.close()
    (tmp_path / "state" / "capctl.sqlite").write_bytes(kept)
    TrailWatch(open_ctx(), metrics).look()
    assert metrics.audit_chain_breaks == 1


def test_a_look_reads_a_bounded_stretch_and_the_next_goes_on_there(
    ctx: EngineContext, watch: TrailWatch, metrics: SecurityMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_watch, "LINES_A_LOOK", 10)
    assert LINES_A_LOOK < 1_000
    tamper(ctx, "UPDATE audit SET line = 'x' WHERE seq = 25")
    counted = []
    for _ in range(3):
        watch.look()
        counted.append(metrics.audit_chain_breaks)
    assert counted[:2] == [0, 0]
    assert counted[2] > 0


def test_records_that_are_added_meanwhile_are_no_break(
    ctx: EngineContext, watch: TrailWatch, metrics: SecurityMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_watch, "LINES_A_LOOK", 7)
    for _ in range(20):
        watch.look()
        record(ctx, 1)
    assert metrics.audit_chain_breaks == 0


def test_a_registry_that_is_away_is_no_break_and_is_watched_again(
    ctx: EngineContext, watch: TrailWatch, metrics: SecurityMetrics
) -> None:
    path = ctx.settings.store_path
    away = path.rename(path.with_suffix(".away"))
    watch.look()
    assert metrics.audit_chain_breaks == 0
    away.rename(path)
    tamper(ctx, ALTER_7)
    watch.look()
    watch.look()
    assert metrics.audit_chain_breaks > 0
