"""A rollout from the command line: the gate's answer is the exit code, and nothing walks around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.bootstrap import load, open_context
from engine.drift.counts import Counts
from engine.drift.sample import LATENCY_BOUNDS_S, ReplicaSample, Traffic
from tests.cli.conftest import Cli

CLEAN = Counts(requests=1000)
CLEAN_ENFORCED = Counts(requests=1000, enforced=1000)
DRIFTING = Counts(requests=1000, enforced=1000, over_block=100)

Report = Callable[[Counts], None]


@pytest.fixture
def running(cli: Cli, tmp_path: Path) -> Cli:
    """A registry with a rollout at 0 % whose steps need no hold time."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("steps: [{percent: 0, hold: 0s}, {percent: 25, hold: 0s}, {percent: 100, hold: 0s}]\n")
    assert cli("policy", "publish", "lksg.v1").code == 0
    assert cli("rollout", "start", "--plan", plan).code == 0
    return cli


@pytest.fixture
def report() -> Report:
    """Report evidence about the present step, as a verifier does."""

    def store(counts: Counts) -> None:
        latency = (counts.requests, *([0] * len(LATENCY_BOUNDS_S)))
        traffic = Traffic(counts.requests, 0, latency)
        with open_context(load()) as ctx:
            state = ctx.store.rollout("lksg.v1")
            assert state is not None
            sample = ReplicaSample(
                replica="verifier-1",
                policy_id="lksg.v1",
                step_id=state.step_id,
                revision=state.revision,
                at=datetime.now(UTC) + timedelta(microseconds=1),
                step=counts,
                step_traffic=traffic,
                windows=dict.fromkeys(("5m", "15m", "60m"), counts),
                recent=traffic,
                requests_per_s=50.0,
            )
            ctx.store.report_evidence([sample])

    return store


def test_a_gate_without_a_rollout_is_hold(cli: Cli) -> None:
    """Nobody knows, so nobody goes on: exit code 4."""
    assert cli("gate", "check").code == 4


def test_a_gate_without_evidence_is_hold_and_promotes_nothing(running: Cli) -> None:
    """Exit code 4 from the question and from the attempt; the rollout stays where it is."""
    assert running("gate", "check").code == 4
    assert running("rollout", "promote").code == 4
    assert running("rollout", "show", "--output", "json").data["rollout"]["percent"] == 0


def test_an_open_gate_lets_the_rollout_through_to_the_end(running: Cli, report: Report) -> None:
    """Clean evidence opens the gate at every step: 0, 25, 100, with exit code 0."""
    report(CLEAN)
    assert running("gate", "check").code == 0
    assert running("rollout", "promote", "--output", "json").data["rollout"]["percent"] == 25
    assert running("rollout", "promote").code == 4
    report(CLEAN_ENFORCED)
    assert running("rollout", "promote", "--output", "json").data["rollout"]["percent"] == 100
    assert running("rollout", "watch", "--count", 1).code == 0


def test_a_closed_gate_is_no_even_for_a_script(running: Cli, report: Report) -> None:
    """Drift above the limit: exit code 3, whatever --yes says; break-glass needs a reason."""
    report(CLEAN)
    running("rollout", "promote")
    report(DRIFTING)
    assert running("gate", "check").code == 3
    assert running("rollout", "promote", "--yes").code == 3
    assert running("rollout", "promote", "--break-glass").code == 2
    assert running("rollout", "set", 100, "--break-glass", "--reason", "drill").code == 0


def test_going_back_needs_nothing_and_watching_reports_it(running: Cli, report: Report) -> None:
    """From 25 % to 0 % without a gate; a watch of what was rolled back is exit code 3."""
    report(CLEAN)
    running("rollout", "promote")
    assert running("rollout", "rollback", "--reason", "smoke was red").code == 0
    assert running("rollout", "watch", "--count", 1).code == 3
    history = running("rollout", "show", "--output", "json").data["history"]
    assert [(entry["action"], entry["percent"]) for entry in history] == [
        ("rollback", 0),
        ("promote", 25),
        ("start", 0),
    ]
    assert history[0]["reason"] == "smoke was red"


def test_a_revision_that_is_out_of_date_is_a_conflict(running: Cli) -> None:
    """Two operators at once: the second gets exit code 6 and is told what changed."""
    assert running("rollout", "pause").code == 0
    outcome = running("rollout", "set", 0, "--if-revision", 1)
    assert outcome.code == 6
    assert "revision 2" in outcome.err


def test_a_candidate_file_is_kept_for_the_verifiers(running: Cli, tmp_path: Path) -> None:
    """`rollout start --candidate FILE` stores its IR by hash without publishing it."""
    candidate = tmp_path / "candidate.yaml"
    running("policy", "show", "lksg.v1-drift", "--source", "-o", candidate)
    started = running("rollout", "start", "--candidate", candidate, "--output", "json").data["rollout"]
    ir_hash = running("policy", "show", candidate, "--output", "json").data["ir_hash"]
    assert started["candidate_ir_hash"] == ir_hash
    published = running("policy", "list", "--output", "json").data["policies"]
    assert [policy["policy_id"] for policy in published if policy["published_at"]] == ["lksg.v1"]


def test_status_watch_looks_again(running: Cli) -> None:
    """`status --watch --count 2` is two documents."""
    assert len(running("status", "--watch", "--count", 2, "--interval", 0, "--output", "json").out.splitlines()) == 2


def test_the_doctor_finds_the_missing_verifier_and_says_what_to_do(running: Cli, report: Report) -> None:
    """A rollout that nobody measures fails the check; with a verifier reporting it passes."""
    outcome = running("doctor", "--output", "json")
    checks = {check["name"]: check for check in outcome.data["checks"]}
    assert outcome.code == 3
    assert (checks["verifier"]["health"], checks["verifier"]["fix"]) == (
        "fail",
        "Start one: capctl serve, or capctl demo.",
    )
    report(CLEAN)
    assert running("doctor").code == 0


def test_starting_again_keeps_the_plan(running: Cli) -> None:
    """After a rollback at night nobody has the plan file at hand: the steps and hold times stay as they were."""
    before = running("rollout", "show", "--output", "json").data["rollout"]["plan"]
    assert running("rollout", "rollback").code == 0
    assert running("rollout", "start").code == 0
    assert running("rollout", "show", "--output", "json").data["rollout"]["plan"] == before


def test_break_glass_is_still_seen_in_the_history_when_it_is_over(started: Cli) -> None:
    """It leaves something to review: a promotion that no gate let through must not look like the others."""
    started("rollout", "promote", "--break-glass", "--reason", "outage")
    started("rollout", "rollback")
    shown = started("rollout", "show")
    assert "promote, BREAK-GLASS" in shown.out
    entries = started("rollout", "show", "--output", "json").data["history"]
    assert [entry["break_glass"] for entry in entries] == [False, True, False]
