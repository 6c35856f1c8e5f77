"""Running the command line inside the test's process: fast, and stdout, stderr and exit code apart."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from capctl.cli.app import run_command_line

EXAMPLES = Path(__file__).parents[2] / "examples"


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What went to stdout, read as JSON."""
        return json.loads(self.out)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `capctl WORDS...`; nobody is at the terminal, unless `terminal` says so."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words: object, stdin: bytes = b"", terminal: bool = False, prog: str = "capctl") -> Outcome:
        keyboard = io.TextIOWrapper(io.BytesIO(stdin))
        monkeypatch.setattr(keyboard, "isatty", lambda: terminal)
        monkeypatch.setattr(sys, "stdin", keyboard)
        only = ("adapt",) if prog == "proof" else ()
        code = run_command_line([str(word) for word in words], prog=prog, only=only)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def started(cli: Cli) -> Cli:
    """The same, on a registry with lksg.v1 published and a rollout at 0 %."""
    assert cli("policy", "publish", "lksg.v1").code == 0
    assert cli("rollout", "start").code == 0
    return cli
