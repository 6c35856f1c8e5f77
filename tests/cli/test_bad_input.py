"""Bad input of every kind: one line what and where, one line what to do, the right exit code, nothing written."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.clock import SystemClock
from engine.registry.sqlite import SqliteStore
from tests.cli.conftest import EXAMPLES, Cli, Outcome

OK_CONTEXT = EXAMPLES / "context_ok.json"
AT = ("--at", "2026-11-23")


class Case(NamedTuple):
    """A command line that must be refused. `{dir}` is a folder with the files of `FILES`."""

    words: tuple[str, ...]
    code: int
    says: str
    """Part of the first line."""


def policy(**changes: object) -> bytes:
    """A small valid policy as YAML (JSON is YAML), changed."""
    document = {
        "id": "small.v1",
        "version": "1",
        "description": "One rule.",
        "legal_basis": [{"directive": "LkSG", "article": "§ 3"}],
        "inputs": {"risk_score": {"type": "number"}},
        "rules": [{"id": "R1", "op": "range_max", "lhs": "risk_score", "rhs": 80}],
    }
    return json.dumps({**document, **changes}).encode()


def context(**changes: object) -> bytes:
    """The example context, changed; None takes a field away."""
    changed = {**json.loads(OK_CONTEXT.read_bytes()), **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not None}).encode()


def rule(**changes: object) -> list[dict[str, object]]:
    """The rule of the small policy, changed."""
    return [{"id": "R1", "op": "range_max", "lhs": "risk_score", "rhs": 80, **changes}]


CYCLE = {"predicates": [{"id": "A", "expr": "B"}, {"id": "B", "expr": "A"}], "activations": []}
NEVER = {
    "predicates": [{"id": "A", "expr": "risk_score > 9 and risk_score < 3"}],
    "activations": [{"when": "A", "rules": ["R1"]}],
}

FILES: dict[str, bytes] = {
    "broken.yaml": b"id: [unclosed\nrules: }",
    "operator.yaml": policy(rules=rule(op="range_maxx")),
    "variable.yaml": policy(rules=rule(lhs="risk_scor")),
    "cyclic.yaml": policy(adaptivity=CYCLE),
    "never.yaml": policy(adaptivity=NEVER),
    "type.yaml": policy(rules=rule(rhs="now()")),
    "latin1.yaml": "id: gr\xfc\xdfe".encode("latin-1"),
    "nan.yaml": policy(rules=rule(rhs="@")).replace(b'"@"', b".nan"),
    "huge.yaml": policy(rules=rule(rhs="@")).replace(b'"@"', b"9" * 400),
    "nan.json": context(variables={"risk_score": "@"}).replace(b'"@"', b"NaN"),
    "huge.json": context(variables={"risk_score": "@"}).replace(b'"@"', b"9" * 5000),
    "big.json": b"[" + b"0," * (6 * 1024 * 1024) + b"0]",
    "latin1.json": '{"a": "gr\xfc\xdfe"}'.encode("latin-1"),
    "twice.json": b'{"variables": {}, "variables": {}}',
    "shape.json": context(supplier_hashes="none"),
    "weights.yaml": b"R99_unknown: 2\n",
    "negative.yaml": b"R07_tier_known: -1\n",
    "plan.yaml": b"steps: [0, 101]\n",
    "plan_key.yaml": b"stepz: [0, 100]\n",
    "empty.txt": b"\n# nothing\n",
    "not_ir.json": b'{"ir_version": "1.0"}',
}

ADAPT = ("adapt", *AT, "--context")
CASES = {
    "broken YAML": Case(("policy", "compile", "{dir}/broken.yaml"), 2, "broken.yaml:"),
    "unknown operator": Case(("policy", "compile", "{dir}/operator.yaml"), 2, "E2001"),
    "unknown variable": Case(("policy", "compile", "{dir}/variable.yaml"), 2, "E2003"),
    "cyclic predicates": Case(("policy", "publish", "{dir}/cyclic.yaml"), 2, "E1004"),
    "contradictory activation": Case(("policy", "publish", "{dir}/never.yaml"), 2, "E1005"),
    "wrong type": Case(("policy", "compile", "{dir}/type.yaml"), 2, "E"),
    "NaN in a policy": Case(("policy", "compile", "{dir}/nan.yaml"), 2, "nan.yaml:"),
    "huge number in a policy": Case(("policy", "compile", "{dir}/huge.yaml"), 2, "huge.yaml:"),
    "policy is not UTF-8": Case(("policy", "compile", "{dir}/latin1.yaml"), 2, "latin1.yaml:"),
    "policy is a directory": Case(("policy", "compile", "{dir}"), 2, "directory"),
    "policy is missing": Case(("policy", "compile", "{dir}/none.yaml"), 5, "does not exist"),
    "NaN in a context": Case((*ADAPT, "{dir}/nan.json"), 2, "NaN"),
    "huge number in a context": Case((*ADAPT, "{dir}/huge.json"), 2, "huge.json"),
    "10 MB context": Case((*ADAPT, "{dir}/big.json"), 2, "larger than 10 MB"),
    "context is not UTF-8": Case((*ADAPT, "{dir}/latin1.json"), 2, "not UTF-8"),
    "context is a directory": Case((*ADAPT, "{dir}"), 2, "directory"),
    "context is missing": Case((*ADAPT, "{dir}/none.json"), 5, "does not exist"),
    "context has a key twice": Case((*ADAPT, "{dir}/twice.json"), 2, "stands twice"),
    "context has the wrong shape": Case((*ADAPT, "{dir}/shape.json"), 2, "/supplier_hashes"),
    "IR that is none": Case((*ADAPT, str(OK_CONTEXT), "--ir", "{dir}/not_ir.json"), 2, "IR"),
    "unknown policy": Case((*ADAPT, str(OK_CONTEXT), "--policy", "nobody.v9"), 5, "nobody.v9"),
    "two policies": Case((*ADAPT, str(OK_CONTEXT), "--policy", "lksg.v1", "--ir", "x.json"), 2, "two policies"),
    "a time without zone": Case(("adapt", "--context", str(OK_CONTEXT), "--at", "2026-01-01T00:00:00"), 2, "zone"),
    "percentage 101": Case((*ADAPT, str(OK_CONTEXT), "--rollout", "101"), 2, "101"),
    "percentage -1": Case((*ADAPT, str(OK_CONTEXT), "--rollout", "-1"), 2, "-1"),
    "percentage abc": Case((*ADAPT, str(OK_CONTEXT), "--rollout", "abc"), 2, "abc"),
    "rollout set 101": Case(("rollout", "set", "101"), 2, "101"),
    "rollout set -1": Case(("rollout", "set", "--", "-1"), 2, "-1"),
    "rollout set abc": Case(("rollout", "set", "abc"), 2, "abc"),
    "drift limit 2": Case((*ADAPT, str(OK_CONTEXT), "--drift-max", "2"), 2, "--drift-max"),
    "drift limit NaN": Case((*ADAPT, str(OK_CONTEXT), "--drift-max", "nan"), 2, "nan"),
    "weights for unknown rules": Case(
        (*ADAPT, str(OK_CONTEXT), "--selector", "weighted", "--weights", "{dir}/weights.yaml"), 2, "R99_unknown"
    ),
    "negative weights": Case(
        (*ADAPT, str(OK_CONTEXT), "--selector", "weighted", "--weights", "{dir}/negative.yaml"), 2, "R07_tier_known"
    ),
    "weights without the selector": Case((*ADAPT, str(OK_CONTEXT), "--weights", "{dir}/weights.yaml"), 2, "--weights"),
    "plan over 100": Case(("rollout", "start", "--plan", "{dir}/plan.yaml"), 2, "steps[1].percent"),
    "plan with an unknown key": Case(("rollout", "start", "--plan", "{dir}/plan_key.yaml"), 2, "stepz"),
    "rollout of an unpublished policy": Case(("rollout", "start", "--policy", "lksg.v1"), 5, "lksg.v1"),
    "a missing list file": Case(("lists", "import", "{dir}/none.txt"), 5, "does not exist"),
    "an empty list": Case(("lists", "import", "{dir}/empty.txt"), 2, "empty.txt"),
    "an unknown list": Case(("lists", "show", "nothing-of-this-name"), 5, "nothing-of-this-name"),
    "no recording": Case(("replay", "--candidate", "lksg.v1-drift", "--contexts", "{dir}/none.jsonl"), 5, "not exist"),
    "unknown command": Case(("rollout", "sett"), 2, "sett"),
    "unknown option": Case(("gate", "check", "--polic", "x"), 2, "--polic"),
    "unknown output": Case(("gate", "check", "--output", "yaml"), 2, "yaml"),
    "missing argument": Case(("rollout", "set"), 2, "PERCENT"),
    "an option of the group on its command": Case(("demo", "--headless", "rate", "5"), 2, "--headless"),
    "drift outside the demonstration": Case(("demo", "inject", "--env", "dev"), 3, "not the demonstration"),
    "a demonstration that never was": Case(("demo", "rate", "5"), 5, "No demonstration"),
    "impossible watch": Case(("drift", "watch", "--count", "-1"), 2, "-1"),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with every bad file."""
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def refused(outcome: Outcome, code: int, says: str) -> None:
    """Assert that a command was refused as people deserve."""
    lines = outcome.err.splitlines()
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert len(lines) == 2, outcome.err
    assert lines[0].startswith("capctl: ")
    assert says in lines[0]
    assert lines[1].startswith("hint: ")
    assert len(lines[1]) > len("hint: ")


def assert_nothing_registered() -> None:
    """Assert that the registry, where the refusal itself was recorded, holds nothing else."""
    for path in Path(os.environ["XDG_STATE_HOME"]).rglob("*.sqlite"):
        store = SqliteStore(path, SystemClock(), read_only=True)
        assert [*store.policies(), *store.reference_sets(), *store.rollouts()] == []
        assert {record.event.outcome for record in store.audit_tail()} == {"intent", "refused"}
        store.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_refused_in_two_lines_and_writes_nothing(cli: Cli, files: Path, case: Case) -> None:
    """What is wrong, what to do, the exit code; no file appears anywhere."""
    output = files / "output.json"
    wants_file = case.words[0] == "adapt" or case.words[:2] == ("policy", "compile")
    words = [word.replace("{dir}", str(files)) for word in case.words]
    refused(cli(*words, *(["-o", str(output)] if wants_file else [])), case.code, case.says)
    assert not output.exists()
    assert_nothing_registered()


@pytest.mark.parametrize("name", ["percentage 101", "context is missing", "unknown option", "missing argument"])
def test_with_json_output_the_error_is_an_object_on_stdout(cli: Cli, files: Path, name: str) -> None:
    """A script that reads only stdout learns code, message and hint."""
    words = [word.replace("{dir}", str(files)) for word in CASES[name].words]
    outcome = cli(*words, "--output", "json")
    assert outcome.code == CASES[name].code
    assert set(outcome.data["error"]) == {"code", "message", "hint"}
    assert outcome.data["error"]["message"] in outcome.err


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sanctions_root": "sha3-256:" + "0" * 64}, "unknown_root"),
        ({"sanctions_root": None}, "missing_root"),
        ({"audit_dates": ["2999-01-01"]}, "date_in_future"),
        ({"audit_dates": ["yesterday"]}, "bad_date"),
        ({"variables": {"tier": 1, "risk_score": "high", "grievance_channel": True}}, "wrong_type"),
    ],
)
def test_a_context_that_cannot_be_judged_is_a_fail_with_its_reason(
    cli: Cli, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    """A root nobody imported, a future audit: verdict fail, exit code 3, never a pass and never an error."""
    file = tmp_path / "context.json"
    file.write_bytes(context(**change))
    outcome = cli("adapt", *AT, "--context", file, "--output", "json")
    assert outcome.code == 3
    assert outcome.data["decision"]["enforced"]["verdict"] == "fail"
    assert reason in {violation["reason"] for violation in outcome.data["decision"]["shadow"]["violations"]}


def _lock(path: Path) -> Callable[[], None]:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    return holder.close


def _corrupt(path: Path) -> Callable[[], None]:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    return lambda: None


def _from_the_future(path: Path) -> Callable[[], None]:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    return lambda: None


def _directory(path: Path) -> Callable[[], None]:
    path.unlink()
    path.mkdir()
    return lambda: None


@pytest.mark.parametrize("damage", [_lock, _corrupt, _from_the_future, _directory])
def test_a_registry_that_cannot_be_used_is_unavailable(
    started: Cli, damage: Callable[[Path], Callable[[], None]]
) -> None:
    """Locked, corrupt, from a newer version, or a directory: exit code 5 and what to do."""
    [path] = Path(os.environ["XDG_STATE_HOME"]).rglob("*.sqlite")
    for sidecar in path.parent.glob("*.sqlite-*"):
        sidecar.unlink()
    release = damage(path)
    outcome = started("rollout", "rollback")
    release()
    refused(outcome, 5, "capctl.sqlite")


def test_nothing_a_file_says_can_drive_the_terminal(cli: Cli, tmp_path: Path) -> None:
    """Escape sequences in user input come back harmless."""
    outcome = cli("adapt", "--context", tmp_path / "\x1b[2Jgone\nhint: run rm", "--at", "2026-11-23")
    assert "\x1b" not in outcome.err
    assert len(outcome.err.splitlines()) == 2


@pytest.mark.parametrize("action", ["pause", "rollback"])
def test_no_reason_can_drive_the_terminal_of_who_reads_it(started: Cli, action: str) -> None:
    """A reason typed by one operator is shown on the terminals of all the others."""
    started("rollout", action, "--reason", "\x1b[31mred\x1b]0;title\x07\nfake: line")
    for words in (("rollout", "show"), ("status",), ("rollout", "watch", "--count", "1")):
        assert started(*words).out.replace("\n", "").isprintable()


def test_a_negative_percentage_is_a_value_not_an_option(started: Cli) -> None:
    """`rollout set -1` is told what is wrong with -1."""
    refused(started("rollout", "set", "-1"), 2, "-1 % is not within 0..100")


def test_an_empty_plan_is_called_a_plan(cli: Cli, tmp_path: Path) -> None:
    """Not a policy, whose reader it is read by."""
    (tmp_path / "plan.yaml").touch()
    refused(cli("rollout", "plan", tmp_path / "plan.yaml"), 2, "The plan file")


def test_a_port_that_does_not_exist_is_wrong_usage(cli: Cli) -> None:
    """Not something unexpected."""
    refused(cli("serve", "--port", "70000"), 2, "70000")


def test_a_rollout_whose_bytes_flipped_is_damage_not_bad_input(started: Cli) -> None:
    """The hint says to restore it; telling to save it as UTF-8 would help nobody."""
    [path] = Path(os.environ["XDG_STATE_HOME"]).rglob("*.sqlite")
    with sqlite3.connect(path) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE rollout_change SET state = x'ff00'")
    database.close()
    refused(started("status"), 5, "is damaged: the stored rollout")


def test_a_recording_without_line_breaks_is_not_read_into_memory(cli: Cli, tmp_path: Path) -> None:
    """A recording may be larger than memory; a line of it may not."""
    with (tmp_path / "endless.jsonl").open("wb") as file:
        file.truncate(64 * 2**20)
    outcome = cli("replay", "--candidate", "lksg.v1-drift", "--contexts", tmp_path / "endless.jsonl", "--jobs", "1")
    refused(outcome, 2, "Line 1 of the recording")
