"""Policies and lists from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import EXAMPLES, Cli

SMALL = """\
id: small.v1
version: "1"
description: One rule.
legal_basis: [{directive: LkSG, article: § 3}]
inputs: {risk_score: {type: number}}
rules:
  - {id: R1, op: range_max, lhs: risk_score, rhs: 80}
"""


def test_lint_points_at_the_place_and_says_how_to_mend_it(cli: Cli, tmp_path: Path) -> None:
    """file:line:column, code, fix; exit code 3 for errors."""
    file = tmp_path / "policy.yaml"
    file.write_text(SMALL.replace("range_max", "range_maxx"))
    outcome = cli("policy", "lint", file)
    assert outcome.code == 3
    assert f"{file}:7:" in outcome.out
    assert "E2001" in outcome.out
    assert "fix: " in outcome.out
    file.write_text(SMALL)
    assert cli("policy", "lint", file).code == 0


def test_lint_reads_stdin(cli: Cli) -> None:
    """`-` is standard input, for editors and hooks."""
    assert cli("policy", "lint", "-", stdin=SMALL.encode()).code == 0


def test_publishing_is_idempotent_and_an_id_keeps_its_content(cli: Cli, tmp_path: Path) -> None:
    """The same content again is done; other content under the same id is a conflict, exit code 6."""
    file = tmp_path / "policy.yaml"
    file.write_text(SMALL)
    first = cli("policy", "publish", file, "--output", "json").data
    assert cli("policy", "publish", file, "--output", "json").data == first
    file.write_text(SMALL.replace("80", "70"))
    assert cli("policy", "publish", file).code == 6


def test_the_source_comes_back_as_it_was_published(cli: Cli, tmp_path: Path) -> None:
    """Comments and layout are kept: what an auditor reads is what was signed off."""
    file, back = tmp_path / "policy.yaml", tmp_path / "back.yaml"
    file.write_text("# Signed off on Monday\n" + SMALL)
    cli("policy", "publish", file)
    assert cli("policy", "show", "small.v1", "--source", "-o", back).code == 0
    assert back.read_bytes() == file.read_bytes()


def test_diff_names_what_changed_in_the_policys_own_terms(cli: Cli) -> None:
    """Rule by rule, as expressions."""
    changes = cli("policy", "diff", "lksg.v1", "lksg.v1-drift", "--output", "json").data["changes"]
    assert {name: changes[0][name] for name in ("kind", "id", "change")} == {
        "kind": "rule",
        "id": "R04_audit_within_a_year",
        "change": "changed",
    }
    assert (changes[0]["before"], changes[0]["after"]) == ("P365D", "P90D")


def test_an_imported_list_is_used_by_its_root(cli: Cli, tmp_path: Path) -> None:
    """Import, ask for a member, and let a context name the list."""
    members = tmp_path / "own.txt"
    context = json.loads((EXAMPLES / "context_ok.json").read_bytes())
    members.write_text(f"{context['supplier_hashes'][0]}\n{context['supplier_hashes'][0]}\nother\n")
    imported = cli("lists", "import", members, "--output", "json").data
    assert (imported["name"], imported["count"], imported["duplicates"]) == ("own", 2, 1)
    assert cli("lists", "show", "own", "--contains", "other").code == 0
    assert cli("lists", "show", imported["root"][:20], "--contains", "nobody").code == 3
    file = tmp_path / "context.json"
    file.write_text(json.dumps({**context, "sanctions_root": imported["root"]}))
    decided = cli("adapt", "--context", file, "--at", "2026-11-23", "--output", "json")
    assert decided.code == 3
    assert decided.data["decision"]["explain"] == []
    assert decided.data["decision"]["enforced"]["violations"] == [
        {"rule": "R01_suppliers_not_sanctioned", "reason": "member_found"}
    ]


def test_a_replay_counts_flips_the_same_for_any_number_of_processes(cli: Cli, tmp_path: Path) -> None:
    """A recording of good, aged and unreadable contexts: how many flip, and because of which rule."""
    context = json.loads((EXAMPLES / "context_ok.json").read_bytes())
    aged = {**context, "audit_dates": ["2026-06-01"]}
    recording = tmp_path / "contexts.jsonl"
    recording.write_text("\n".join([json.dumps(context)] * 3 + [json.dumps(aged)] * 2 + ["{"]))
    options = ("--policy", "lksg.v1", "--candidate", "lksg.v1-drift", "--at", "2026-11-23", "--contexts", recording)
    outcome = cli("replay", *options, "--output", "json", "--jobs", 1)
    assert (outcome.code, outcome.data["total"], outcome.data["flips"]["over_block"]) == (3, 5, 2), (
        "one line was not counted"
    )
    assert outcome.data["malformed_lines"] == [{"code": "json.malformed", "line": 6}]
    assert [entry["rule_id"] for entry in outcome.data["explained"]] == ["R04_audit_within_a_year"]
    assert "1 line not counted, first: 6" in cli("replay", *options).out
    recording.write_text("\n".join([json.dumps(context)] * 3))
    assert cli("replay", *options).code == 0
    written = {jobs: cli("replay", *options, "--jobs", jobs, "-o", "-").out for jobs in (1, 2)}
    assert written[1] == written[2]
