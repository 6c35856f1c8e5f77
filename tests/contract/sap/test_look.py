"""What the console's Pilot screen is told, from the files that real runs leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext, Progress
from engine.errors import Refused, Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.pilot_look import look
from engine.ops.run import run
from engine.settings import Settings
from tests.contract.sap.conftest import Simulate
from tests.contract.sap.proxy import FaultProxy


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineContext]:
    """An operator in the demonstration's environment, whose SAP is simulated."""
    for name in ("SAP_URL", "SAP_CLIENT", "SAP_USER", "SAP_PASSWORD", "BASE"):
        monkeypatch.delenv(name, raising=False)
    settings = replace(Settings(), env="demo", state_dir=tmp_path / "state")
    with open_context(settings, actor="oncall", clock=ManualClock()) as opened:
        yield opened


class KilledError(BaseException):
    """Ends a run as a signal would."""


def killed_at(ctx: EngineContext, step: str, **arguments: object) -> None:
    """Run the pilot until it tells of a step, and end it there."""

    def emit(progress: Progress) -> None:
        if progress.step == step:
            raise KilledError

    with pytest.raises(KilledError), replace(ctx, emit=emit) as dying:
        run(REGISTRY["pilot.run"], dying, **arguments)


def test_before_the_first_run_nothing_is_claimed_and_nothing_is_left_behind(ctx: EngineContext) -> None:
    """Looking is not doing: no ledger is made."""
    seen = look(ctx, None)
    assert (seen.system, seen.status.run, seen.rows, seen.resumable) == ("the simulator", None, (), "")
    assert not (ctx.settings.state_dir / "sap").exists()


def test_a_proven_run_is_seen_with_its_suppliers_and_its_trail(ctx: EngineContext) -> None:
    """The worst verdicts first, rules with reasons, and the record that holds the evidence."""
    done = run(REGISTRY["pilot.run"], ctx, run_id="RUN_1")
    seen = look(ctx, None)
    assert seen.status.run is not None
    assert seen.status.run.verdicts == {"ok": 38, "warn": 4, "fail": 8}
    assert [row.status for row in seen.rows] == ["FAIL"] * 8 + ["WARN"] * 4 + ["OK"] * 38
    assert ("S02_not_flagged_by_sap", "not_equal") in [rule for row in seen.rows for rule in row.rules]
    assert seen.trail[0].record.event.evidence == done.evidence_hash
    assert seen.trail[0].actor == "oncall"
    assert seen.resumable == ""


def test_suppliers_are_looked_at_by_verdict_and_in_parts(ctx: EngineContext) -> None:
    """A part of a long run, and how many there are in all."""
    run(REGISTRY["pilot.run"], ctx, run_id="RUN_1")
    seen = look(ctx, "RUN_1", status="FAIL", offset=6, limit=10)
    assert (len(seen.rows), seen.offset, seen.matching) == (2, 6, 8)
    assert {row.status for row in seen.rows} == {"FAIL"}


def test_a_run_that_was_killed_while_writing_can_be_gone_on_with(ctx: EngineContext) -> None:
    """Its id is what the console's key takes, and then it is proven under that id."""
    killed_at(ctx, "finding suppliers", run_id="RUN_1")
    seen = look(ctx, None)
    assert seen.resumable == "RUN_1"
    assert seen.status.run is not None
    assert seen.status.run.confirmed == 0
    run(REGISTRY["pilot.run"], ctx, run_id=seen.resumable)
    assert look(ctx, None).resumable == ""


def test_a_run_that_was_killed_before_its_rows_were_entered_is_not_forgotten(ctx: EngineContext) -> None:
    """How much of it is verified, from the files it left."""
    killed_at(ctx, "verifying", run_id="RUN_1", portion=20)
    seen = look(ctx, None)
    assert seen.resumable == "RUN_1"
    assert [(b.is_pulled, b.portions, b.verified) for b in seen.begun] == [(True, 3, 1)]


def test_a_wrong_address_is_told_and_not_raised(ctx: EngineContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen says what is wrong with it, without repeating a password in it."""
    monkeypatch.setenv("SAP_URL", "https://user:hidden@sap.example")
    seen = look(ctx, None)
    assert seen.system == ""
    assert "carries a password" in seen.problem
    assert "hidden" not in seen.problem


def test_a_check_says_what_is_there_and_what_would_go_wrong(
    ctx: EngineContext, simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suppliers, missing properties, and a key that could not keep a row out: that answer is no."""
    simulator = simulate(count=7, without=("SanctionFlag",), key_in_metadata=False)
    monkeypatch.setenv("SAP_URL", simulator.url)
    monkeypatch.setenv("SAP_CLIENT", "100")
    found = run(REGISTRY["pilot.check"], ctx)
    assert (found.suppliers, found.absent, found.client) == (7, ("SanctionFlag",), "100")
    assert (found.has_unique_key, found.answer) == (False, "no")


def test_a_check_tries_a_password_once(ctx: EngineContext, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong one costs one attempt of the user, not several."""
    simulator = simulate(user="TECHUSER", password="right", lock_after=2)
    for name, value in {
        "SAP_URL": simulator.url, "SAP_CLIENT": "100", "SAP_USER": "TECHUSER", "SAP_PASSWORD": "wrong",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with pytest.raises(Refused):
        run(REGISTRY["pilot.check"], ctx)
    monkeypatch.setenv("SAP_PASSWORD", "right")
    assert run(REGISTRY["pilot.check"], ctx).suppliers == 50


@pytest.mark.parametrize("fault", ["error_before", "lost_before", "reset_before", "throttle", "throttle_nonsense"])
@pytest.mark.parametrize("asked", ["/Z_CAP_SUPPLIERS_SRV/$metadata", "/SupplierSet", "/Z_CAP_STATUS_SRV/$metadata"])
def test_a_check_asks_each_thing_once_and_waits_for_nothing(
    ctx: EngineContext, simulate: Simulate, monkeypatch: pytest.MonkeyPatch, fault: str, asked: str
) -> None:
    """Whoever asks whether SAP answers wants to know now, also where it asks to wait."""
    waits: list[float] = []
    with FaultProxy(simulate().url, lambda request: fault if asked in request.target else "") as proxy:
        monkeypatch.setenv("SAP_URL", proxy.url)
        monkeypatch.setenv("SAP_CLIENT", "100")
        with pytest.raises(Unavailable) as refusal:
            run(REGISTRY["pilot.check"], replace(ctx, sleep=waits.append))
    assert [seen.fault for seen in proxy.seen].count(fault) == 1
    assert proxy.seen[-1].fault == fault
    assert waits == []
    assert ("in 7 s" in refusal.value.hint) is (fault == "throttle")
