"""The access token for exposed metrics: where it comes from, where it goes, and what is said when it does not fit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.bootstrap import open_source, read_metrics_token
from engine.clock import SystemClock
from engine.errors import EngineError, InvalidInput, Refused, Unavailable
from engine.settings import Settings
from engine.telemetry.exposition import render
from engine.telemetry.scrape_source import fetch_metrics
from tests.samples.scraped import POLICY, scrape_after
from tests.samples.stored import first_state

TOKEN = "aa.bb.cc"


class Guarded:
    """A verifier whose metrics need `TOKEN`, and what it was sent."""

    def __init__(self) -> None:
        guarded = self
        self.sent: list[str | None] = []
        self.refusal = 401

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                guarded.sent.append(self.headers["authorization"])
                welcome = self.headers["authorization"] == f"Bearer {TOKEN}"
                body, _ = render(scrape_after(3), "text/plain")
                self.send_response(200 if welcome else guarded.refusal)
                self.end_headers()
                self.wfile.write(body if welcome else b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def verifier() -> Iterator[Guarded]:
    guarded = Guarded()
    thread = threading.Thread(target=guarded.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield guarded
    guarded.server.shutdown()
    thread.join()
    guarded.server.server_close()


@pytest.fixture
def token_file(tmp_path: Path) -> Callable[[str, int], Path]:
    def write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "token"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def failure(url: str, token: str) -> Unavailable:
    with pytest.raises(Unavailable) as error:
        fetch_metrics(url, lambda: token)()
    assert token == "" or token not in error.value.message + error.value.hint
    return error.value


def test_a_verifier_with_exposed_metrics_is_read_with_the_token_of_the_environment(verifier: Guarded) -> None:
    settings = replace(Settings(), verifier_url=verifier.url)
    source = open_source(settings, SystemClock(), "scrape", {"CAPCTL_METRICS_TOKEN": TOKEN})
    assert source is not None
    [sample] = source.evidence_of(replace(first_state(POLICY), step_id="s1"))
    assert sample.step.requests == 300


def test_a_token_that_was_renewed_in_its_file_is_used_without_a_restart(
    verifier: Guarded, token_file: Callable[..., Path]
) -> None:
    settings = replace(Settings(), verifier_url=verifier.url, metrics_token_file=token_file("old.old.old\n"))
    fetch = fetch_metrics(verifier.url, lambda: read_metrics_token(settings, {}))
    with pytest.raises(Unavailable, match="does not accept"):
        fetch()
    token_file(TOKEN + "\n")
    assert "cap_build_info" in fetch()


def test_without_a_token_the_message_says_that_one_is_needed(verifier: Guarded) -> None:
    error = failure(verifier.url, "")
    assert (error.code, error.message) == ("telemetry.token_refused", "The verifier's metrics need a token")
    assert "metrics:read" in error.hint


def test_a_token_without_the_scope_is_told_apart_from_one_that_is_not_accepted(verifier: Guarded) -> None:
    assert "does not accept" in failure(verifier.url, "x.y.z").message
    verifier.refusal = 403
    assert "lacks the scope metrics:read" in failure(verifier.url, "x.y.z").message


def test_a_token_is_not_sent_in_clear_over_a_network() -> None:
    assert failure("http://verifier.example:8080", TOKEN).code == "telemetry.token_in_clear"


@pytest.mark.parametrize("token", ["a b", "a\r\nhost: evil", "ü"])
def test_what_is_no_token_is_not_put_into_a_header(verifier: Guarded, token: str) -> None:
    assert failure(verifier.url, token).code == "telemetry.token_unreadable"
    assert verifier.sent == []


@pytest.mark.parametrize(
    ("text", "mode", "kind"),
    [(TOKEN, 0o644, Refused), ("", 0o600, InvalidInput), ("two tokens", 0o600, InvalidInput)],
)
def test_a_file_that_others_may_read_or_that_holds_no_token_is_refused(
    token_file: Callable[..., Path], text: str, mode: int, kind: type[EngineError]
) -> None:
    settings = replace(Settings(), metrics_token_file=token_file(text, mode))
    with pytest.raises(kind):
        read_metrics_token(settings, {"CAPCTL_METRICS_TOKEN": TOKEN})


def test_a_file_that_is_gone_holds_the_gate_like_any_silent_source(tmp_path: Path) -> None:
    settings = replace(Settings(), metrics_token_file=tmp_path / "gone")
    with pytest.raises(Unavailable) as error:
        fetch_metrics("http://127.0.0.1:1", lambda: read_metrics_token(settings, {}))()
    assert error.value.code == "telemetry.token_unreadable"
