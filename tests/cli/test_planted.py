"""Sixty planted secrets and personal data, and every command: none is printed, audited, reported or backed up."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest

from engine.bootstrap import load
from engine.ops.catalogue import REGISTRY
from tests.cli.conftest import EXAMPLES, Cli
from tests.samples.planted import NEVER, NEVER_KEPT, PEOPLE, REASON, SECRETS, leaks, wrong_file

COMMANDS: Final[dict[str, str]] = {
    "status.show": "",
    "policy.lint": "{file}",
    "policy.compile": "{file}",
    "policy.publish": "{file}",
    "policy.show": "lksg.v1",
    "policy.list": "",
    "policy.diff": "lksg.v1 {file}",
    "lists.import": "{file} --name planted",
    "lists.show": "{file}",
    "lists.list": "",
    "decision.adapt": "--context {file} --policy lksg.v1",
    "decision.replay": "--candidate {file} --contexts {file}",
    "rollout.start": "--policy lksg.v1 --plan {file} --reason {reason}",
    "rollout.show": "",
    "rollout.plan": "{file}",
    "rollout.set": "5 --reason {reason} --break-glass --approver planted-second",
    "rollout.promote": "--reason {reason} --approver planted-second",
    "rollout.pause": "--reason {reason}",
    "rollout.resume": "--reason {reason}",
    "rollout.rollback": "--reason {reason}",
    "rollout.watch": "--count 1",
    "gate.check": "",
    "drift.show": "",
    "drift.watch": "--count 1",
    "drift.explain": "",
    "result.verify": "{file} --jwks {file}",
    "token.mint": "--scope planted-pin-0xA9",
    "token.show": "planted-token-0xA2",
    "orr.show": "",
    "orr.check": "planted-item",
    "orr.attest": "infra.dependencies --evidence {file}",
    "orr.waive": "infra.dependencies --reason {reason} --approver planted-second --days 3",
    "orr.sign": "",
    "orr.verify": "{file}",
    "orr.render": "--blank",
    "deploy.plan": "--target planted",
    "deploy.apply": "--target planted",
    "deploy.diff": "--target planted",
    "deploy.status": "--target planted",
    "deploy.rollback": "--target planted",
    "smoke.run": "--base {server} --token-file {file}",
    "local.shift": "5",
    "local.stop": "",
    "canary.watch": "--for 1s --base {server} --canary {file}",
    "load.run": "--base {server} --token-file {file}",
    "cutover.run": "--target planted",
    "cutover.status": "",
    "cutover.resume": "",
    "cutover.rollback": "",
    "cutover.report": "",
    "pilot.check": "--odata {server} --client 100",
    "pilot.pull": "--odata {server} --client 100 --sanctions {file}",
    "pilot.verify": "--in {file}",
    "pilot.writeback": "--in {file} --idempotency RUN_1 --odata {server} --client 100",
    "pilot.run": "--odata {server} --client 100",
    "pilot.status": "",
    "pilot.rotate": "",
    "openapi.show": "",
    "keys.list": "",
    "keys.show": "planted",
    "keys.status": "",
    "keys.init": "",
    "keys.renew": "",
    "keys.prepare": "--purpose registry",
    "keys.dual_accept": "--purpose registry",
    "keys.switch": "--purpose registry",
    "keys.decommission": "--purpose registry",
    "keys.abort": "--purpose registry",
    "keys.revoke": "--kid planted --reason compromised",
    "audit.show": "--limit 0",
    "audit.verify": "--file {file} --key {file}",
    "audit.export": "",
    "audit.prove": "1",
    "audit.checkpoint": "",
    "report.write": "--format html",
    "backup.keygen": "--to {home}/identity",
    "backup.create": "--to {home} --recipient AGE-SECRET-KEY-1PLANTEDA7",
    "backup.verify": "{file} --identity {file}",
    "backup.list": "{home}",
    "restore.run": "--from {file} --into {home}/restored --identity {file}",
    "drill.restore": "--from {file} --identity {file}",
    "drill.rotation": "",
    "demo.inject": "--reason {reason}",
    "demo.env": "",
    "runbook.show": "rollback",
    "demo.rate": "1",
    "doctor.run": "",
}


def test_every_operation_is_tried() -> None:
    """A new command is not forgotten here."""
    assert set(COMMANDS) == set(REGISTRY)
    assert len(set(NEVER_KEPT)) >= 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's home with the registry in it, and every variable that may hold a secret set."""
    home = tmp_path / "planted-home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("CAPCTL_ACTOR", PEOPLE[0])
    monkeypatch.delenv("CAPCTL_DEBUG", raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return home


class Talkative(BaseHTTPRequestHandler):
    """Answers every request with a refusal full of what must stay private."""

    def do_GET(self) -> None:
        """Refuse."""
        self._refuse()

    def do_POST(self) -> None:
        """Refuse."""
        self._refuse()

    def _refuse(self) -> None:
        body = json.dumps({"error": {"code": NEVER[0], "message": " ".join((*NEVER, *PEOPLE))}}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A server that says what no command may repeat; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Talkative) as httpd:
        thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def line(op_id: str, home: Path, file: Path, server: str) -> list[str]:
    """The words of an operation's command."""
    values = {"file": str(file), "home": str(home), "server": server, "reason": shlex.quote(REASON)}
    return [*REGISTRY[op_id].command, *shlex.split(COMMANDS[op_id].format(**values)), "--yes"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["json", "yaml", "txt"])
def test_nothing_planted_comes_back_from_any_command(
    cli: Cli, home: Path, server: str, kind: str, record_property: Callable[[str, object], None]
) -> None:
    """Every command, in text and JSON, with the wrong file in the place of the right one, and a server that talks."""
    file = wrong_file(home, kind)
    assert cli("policy", "publish", "lksg.v1").code == 0
    assert cli("rollout", "start", "--reason", REASON).code == 0
    found = {}
    for op_id in COMMANDS:
        for output in ("text", "json"):
            outcome = cli(*line(op_id, home, file, server), "--output", output)
            said = outcome.out + outcome.err
            assert "Traceback" not in said, op_id
            assert leaks(said, ("\x1b[31m", "\x07")) == [], op_id
            if values := leaks(said):
                found[f"{op_id} {output}"] = (values[:3], len(values))
    assert found == {}
    record_property("tried", f"{len(NEVER)} values, {len(COMMANDS)} commands twice, {kind}")


def test_nothing_planted_leaves_in_the_trail_a_report_or_a_backup(
    cli: Cli, home: Path, record_property: Callable[[str, object], None]
) -> None:
    """Commands that succeed: what they hand to others names neither people nor reasons nor folders."""
    assert cli("policy", "publish", "lksg.v1").code == 0
    assert cli("rollout", "start", "--reason", REASON).code == 0
    approved = ("--break-glass", "--approver", PEOPLE[1], "--reason", REASON)
    assert cli("rollout", "set", "5", *approved, "--yes").code == 0
    assert cli("adapt", "--context", EXAMPLES / "context_ok.json").code == 0
    evidence = wrong_file(home, "txt")
    assert cli("orr", "attest", "infra.dependencies", "--evidence", evidence).code == 0
    identity = home / "identity"
    (home / "backups").mkdir()
    recipient = cli("backup", "keygen", "--to", identity, "--output", "json").data["recipient"]
    assert cli("backup", "create", "--to", home / "backups", "--recipient", recipient).code == 0
    assert cli("audit", "checkpoint").code == 0
    handed_out = {
        # `audit show` is not among them: on this machine it says who it was and why, from beside the trail.
        "audit export": cli("audit", "export").out,
        **{f"{kind} report": cli("report", "--format", kind).out for kind in ("html", "markdown", "json")},
        **{path.name: path.read_text("utf-8", "replace") for path in load().checkpoint_path.rglob("*")},
        **{path.name: path.read_text("utf-8", "replace") for path in (home / "backups").iterdir()},
    }
    assert len([text for text in handed_out.values() if text]) >= 8
    secret = identity.read_text("utf-8").split()[-1]
    found = {name: leaks(text, (*NEVER_KEPT, secret)) for name, text in handed_out.items()}
    assert {name: values for name, values in found.items() if values} == {}
    record_property("tried", f"{len(NEVER_KEPT)} values, {len(handed_out)} documents")
