"""`capctl adapt` and `proof adapt`: the user's own command lines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import EXAMPLES, Cli

AT = "2026-11-23T12:00:00Z"
OPTIONS = ("--policy", "lksg.v1", "--enforce", "--rollout", 25, "--drift-max", 0.005, "--at", AT)


def test_the_users_command_line_writes_the_same_bytes_twice(cli: Cli, tmp_path: Path) -> None:
    """Two runs of `proof adapt ... -o plan.json` with --at cannot be told apart."""
    written = []
    for name in ("first.json", "second.json"):
        outcome = cli("adapt", "--context", EXAMPLES / "context_ok.json", *OPTIONS, "-o", tmp_path / name, prog="proof")
        assert outcome.code == 0, outcome.err
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert set(json.loads(written[0])) >= {"plan", "decision", "gate", "policy_hash", "ir_hash", "context_hash", "at"}


def test_the_document_is_canonical_and_its_bucket_is_the_same_everywhere(cli: Cli) -> None:
    """The bucket is drawn with a fixed key, and the document is canonical JSON on one line."""
    outcome = cli("adapt", "--context", EXAMPLES / "context_ok.json", *OPTIONS, "-o", "-")
    document = json.loads(outcome.out)
    assert document["decision"]["bucket"] == 5753
    assert outcome.out == json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"


def test_a_fresh_machine_needs_no_registry_and_gets_none(cli: Cli) -> None:
    """Shipped policies and lists suffice, and adapting writes nothing."""
    assert cli("adapt", "--context", EXAMPLES / "context_ok.json", "--at", AT).code == 0
    assert list(Path(os.environ["XDG_STATE_HOME"]).iterdir()) == []


@pytest.mark.parametrize(("context", "verdict", "code"), [("ok", "ok", 0), ("warn", "warn", 0), ("fail", "fail", 3)])
def test_the_examples_get_the_verdict_in_their_name(cli: Cli, context: str, verdict: str, code: int) -> None:
    """A fail is exit code 3, a warning is none."""
    outcome = cli("adapt", "--context", EXAMPLES / f"context_{context}.json", *OPTIONS, "--output", "json")
    assert outcome.code == code
    assert outcome.data["decision"]["enforced"]["verdict"] == verdict


def test_drift_over_the_limit_closes_the_gate(cli: Cli) -> None:
    """A candidate that decides otherwise is drift where it is enforced, and exit code 3."""
    outcome = cli(
        *("adapt", "--context", EXAMPLES / "context_ok.json", "--candidate", "lksg.v1-drift"),
        *("--enforce", "--rollout", 100, "--at", "2027-02-23", "--output", "json"),
    )
    assert outcome.code == 3
    assert outcome.data["gate"]["answer"] == "closed"
    assert outcome.data["decision"]["drift"] == "over_block"
    assert outcome.data["decision"]["explain"] == [{"rule": "R04_audit_within_a_year", "reason": "above_maximum"}]


def test_the_same_candidate_at_zero_percent_is_preview_only(cli: Cli) -> None:
    """At 0 % nothing is enforced, so drift is none and the preview tells what would come."""
    outcome = cli(
        *("adapt", "--context", EXAMPLES / "context_ok.json", "--candidate", "lksg.v1-drift"),
        *("--enforce", "--rollout", 0, "--at", "2027-02-23", "--output", "json"),
    )
    assert outcome.code == 0
    assert (outcome.data["decision"]["drift"], outcome.data["decision"]["preview"]) == ("none", "over_block")


def test_dry_run_makes_the_plan_only(cli: Cli, tmp_path: Path) -> None:
    """`--dry-run -o plan.json` holds the plan and no decision."""
    plan = tmp_path / "plan.json"
    assert cli("adapt", "--context", EXAMPLES / "context_ok.json", "--at", AT, "--dry-run", "-o", plan).code == 0
    document = json.loads(plan.read_bytes())
    assert "plan_hash" in document
    assert "decision" not in document


def test_weights_order_the_plan(cli: Cli) -> None:
    """The cheapest rule comes first with the selector weighted."""
    outcome = cli(
        *("adapt", "--context", EXAMPLES / "context_ok.json", "--at", AT, "--dry-run", "--output", "json"),
        *("--selector", "weighted", "--weights", EXAMPLES / "weights.yaml"),
    )
    assert outcome.data["active"][0]["id"] == "R07_tier_known"


def test_the_demonstration_context_is_built_in(cli: Cli) -> None:
    """`{"_demo": true}` stands for a context that passes, at any time."""
    outcome = cli("adapt", "--context", "-", "--at", "2031-05-05", "--output", "json", stdin=b'{"_demo": true}')
    assert outcome.data["decision"]["enforced"]["verdict"] == "ok"


def test_an_ir_file_decides_like_the_policy_it_was_compiled_from(cli: Cli, tmp_path: Path) -> None:
    """`policy compile -o ir.json`, then `adapt --ir ir.json`, is `adapt --policy`."""
    ir = tmp_path / "ir.json"
    assert cli("policy", "show", "lksg.v1", "-o", ir).code == 0
    context = ("--context", EXAMPLES / "context_warn.json", "--at", AT, "-o", "-")
    assert cli("adapt", "--ir", ir, *context).out == cli("adapt", "--policy", "lksg.v1", *context).out
