"""smoke, canary watch and load on the command line: exit codes, words, and JSON."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.cutover.records import KEPT, keep_record, read_records
from engine.settings import default_state_dir
from tests.cli.conftest import Cli

READY = {"status": "ready", "environment": "dev", "reasons": [], "warnings": []}
METRICS = """\
cap_verifier_start_time_seconds{replica="r"} 1
cap_verifier_requests_total{replica="r",result="ok"} %d
cap_verifier_requests_total{replica="r",result="error"} %d
"""


class Handler(BaseHTTPRequestHandler):
    """Ready, of environment dev, and failing where it is told to."""

    protocol_version = "HTTP/1.1"
    verify_status = 200
    fails_during_the_watch = False
    requests = errors = 0

    def do_GET(self) -> None:
        if self.path == "/metrics":
            told = type(self)
            told.errors += int(self.fails_during_the_watch and self.requests > 0)
            told.requests += 10
            self._answer(200, (METRICS % (self.requests, self.errors)).encode())
        else:
            self._answer(200 if self.path in ("/readyz", "/healthz") else 404, json.dumps(READY).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(self.verify_status, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture
def handler() -> type[Handler]:
    return type("Told", (Handler,), {})


@pytest.fixture
def base(handler: type[Handler]) -> Iterator[str]:
    """Something that calls itself a verifier of dev, on the loopback."""
    socketserver.TCPServer.request_queue_size = 64
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("words", [("smoke",), ("load", "--duration", "1s")])
def test_nobody_there_is_unavailable(cli: Cli, words: tuple[str, ...]) -> None:
    outcome = cli(*words, "--base", NOWHERE)
    assert (outcome.code, outcome.out) == (5, "")
    assert "does not answer" in outcome.err


@pytest.mark.parametrize("words", [("smoke",), ("load", "--duration", "1s")])
def test_the_wrong_environment_is_a_no(cli: Cli, base: str, words: tuple[str, ...]) -> None:
    outcome = cli(*words, "--base", base, "--env", "demo", "--output", "json")
    assert (outcome.code, outcome.data["error"]["code"]) == (3, "cutover.wrong_environment")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("load", "--duration", "soon"), "not a duration"),
        (("load", "--rps", "0"), "Cannot ask"),
        (("load", "--rps", "many"), "not a number"),
        (("load", "--max-errors", "2"), "no objective"),
        (("smoke", "--base", "http://verifier.example"), "not encrypted"),
        (("smoke", "--base", "nonsense"), "no base URL"),
        (("canary", "watch", "--for", "1w"), "not a duration"),
        (("canary", "watch", "--for", "5h"), "Cannot watch"),
        (("canary", "watch", "--interval", "10m"), "silence by itself"),
        (("canary", "watch", "--canary", "stable"), "names no verifiers"),
        (("canary", "watch", "--source", "rumour"), "not one of"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_sent(cli: Cli, words: tuple[str, ...], said: str) -> None:
    outcome = cli(*words)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_red_smoke_is_a_no_with_every_check(cli: Cli, base: str) -> None:
    outcome = cli("smoke", "--base", base, "--output", "json")
    assert outcome.code == 3
    by_name = {check["name"]: check for check in outcome.data["checks"]}
    assert (len(by_name), outcome.data["ok"]) == (12, False)
    assert by_name["readyz"]["ok"]
    assert not by_name["verify"]["ok"]
    assert "RED ✗" in cli("smoke", "--base", base).out


def test_a_load_that_is_met_is_kept_for_the_report(cli: Cli, base: str, tmp_path: Path) -> None:
    file = tmp_path / "load.json"
    outcome = cli("load", "--base", base, "--rps", "100", "--duration", "1s", "--p95", "5000", "-o", file)
    assert outcome.code == 0, outcome.out
    assert "PASS ✓" in outcome.out
    assert (json.loads(file.read_text())["due"], json.loads(file.read_text())["failed"]) == (100, 0)
    [kept] = read_records(default_state_dir(), "load")
    assert kept == json.loads(file.read_text())
    audit = cli("audit", "show", "--action", "load", "--output", "json").data["records"]
    assert [record["outcome"] for record in audit] == ["done", "intent"]


def test_a_load_of_errors_is_a_no(cli: Cli, base: str, handler: type[Handler]) -> None:
    handler.verify_status = 500
    outcome = cli("load", "--base", base, "--rps", "100", "--duration", "1s", "--timeout", "2s")
    assert (outcome.code, "100 error, 100 x 500" in outcome.out) == (3, True)


def test_a_load_too_small_to_prove_anything_is_held(cli: Cli, base: str) -> None:
    outcome = cli("load", "--base", base, "--rps", "5", "--duration", "1s", "--output", "json")
    assert (outcome.code, outcome.data["answer"]) == (4, "hold")


def test_a_dry_run_of_a_load_sends_nothing(cli: Cli, base: str, handler: type[Handler]) -> None:
    handler.verify_status = 500
    outcome = cli("load", "--base", base, "--duration", "1h", "--dry-run")
    assert (outcome.code, "nothing was sent" in outcome.out) == (0, True)


@pytest.mark.parametrize(("fails", "code"), [(False, 4), (True, 3)])
def test_a_watch_ends_with_its_last_rows_answer(
    cli: Cli, base: str, handler: type[Handler], fails: bool, code: int
) -> None:
    """Too few requests for a verdict: held; a 5xx: red."""
    handler.fails_during_the_watch = fails
    outcome = cli("canary", "watch", "--base", base, "--for", "1s", "--interval", "200ms", "--output", "json")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert (outcome.code, rows[-1]["answer"]) == (code, "no" if fails else "hold")
    assert [row["final"] for row in rows] == [False] * (len(rows) - 1) + [True]
    [kept] = read_records(default_state_dir(), "canary")
    assert (kept["verdict"], len(kept["course"])) == (rows[-1], len(rows))


def test_only_the_newest_records_are_kept(tmp_path: Path) -> None:
    clock = ManualClock()
    for number in range(KEPT + 5):
        keep_record(tmp_path, "load", json.dumps({"number": number}).encode(), at=clock.now())
        clock.advance(0.25)
    assert [record["number"] for record in read_records(tmp_path, "load")] == list(range(5, KEPT + 5))
    (tmp_path / "cutover" / "load-99999999T.json").write_text("{")
    assert len(read_records(tmp_path, "load")) == KEPT
    assert read_records(tmp_path, "smoke") == []
