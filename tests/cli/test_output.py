"""stdout is data, stderr is narration, and the exit code is the answer."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from capctl.cli import session
from capctl.cli.diagnostics import ExitCode, diagnose
from capctl.text.document import to_json_text
from capctl.text.layout import Facts, Line, Raw, Table, Tone, Toned, render
from engine import errors
from tests.cli.conftest import EXAMPLES, Cli

CAPCTL = [sys.executable, "-m", "capctl"]


def test_every_kind_of_error_has_its_exit_code() -> None:
    """The contract of the exit codes, by error class."""
    kinds = {
        errors.EngineError: 1,
        errors.InvalidInput: 2,
        errors.Refused: 3,
        errors.Held: 4,
        errors.Unavailable: 5,
        errors.NotFound: 5,
        errors.Conflict: 6,
    }
    assert {kind: int(diagnose(kind("a.b", "It is so")).exit_code) for kind in kinds} == kinds


def test_the_exit_codes_are_documented() -> None:
    """docs/exit-codes.md has every number with its name."""
    text = (EXAMPLES.parent / "docs" / "exit-codes.md").read_text("utf-8")
    assert all(f"| {int(code)} | `{code.name}` |" in text for code in ExitCode)


def test_an_unexpected_error_shows_neither_its_text_nor_a_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exception text from below may hold personal data; CAPCTL_DEBUG=1 is the way to see it."""

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Jane Doe, Springfield")

    monkeypatch.setattr(session, "run", broken)
    outcome = cli("status")
    assert outcome.code == 1
    assert "Jane" not in outcome.err
    assert "Traceback" not in outcome.err
    monkeypatch.setenv("CAPCTL_DEBUG", "1")
    assert "Traceback" in cli("status").err


def test_json_is_one_document_and_text_is_none(started: Cli) -> None:
    """`--output json` can be piped into a parser; so can an error."""
    assert started("status", "--output", "json").data["policy_id"] == "lksg.v1"
    assert started("rollout", "promote", "--output", "json").data["error"]["code"] == "rollout.gate_hold"
    with pytest.raises(json.JSONDecodeError):
        json.loads(started("status").out)


def test_a_stream_is_json_lines(started: Cli) -> None:
    """Each look is one line of JSON."""
    outcome = started("drift", "watch", "--count", "3", "--interval", "0", "--output", "json")
    assert [json.loads(line)["policy_id"] for line in outcome.out.splitlines()] == ["lksg.v1"] * 3


def test_numbers_that_json_does_not_have_never_leave() -> None:
    """NaN in a result is a fault, not an output."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json_text({"ratio": float("nan")})


def test_a_dry_run_keeps_nothing_and_says_so_on_stderr(cli: Cli) -> None:
    """The result is printed as if it were done; the registry stays as it was."""
    outcome = cli("policy", "publish", "lksg.v1", "--dry-run")
    assert "lksg.v1" in outcome.out
    assert outcome.err == "dry run: nothing was kept\n"
    assert cli("policy", "list", "--output", "json").data["policies"][1]["published_at"] is None


def test_a_document_replaces_a_file_in_one_step(cli: Cli, tmp_path: Path) -> None:
    """`-o` over an existing file: the new content, no temporary left, ordinary permissions."""
    target = tmp_path / "ir.json"
    target.write_text("old")
    assert cli("policy", "show", "lksg.v1", "-o", target).code == 0
    assert json.loads(target.read_bytes())["policy_id"] == "lksg.v1"
    assert [path.name for path in tmp_path.iterdir()] == ["ir.json"]
    assert target.stat().st_mode & 0o600 == 0o600


def test_a_folder_that_does_not_exist_is_unavailable(cli: Cli, tmp_path: Path) -> None:
    """Nothing is created on the way to a file."""
    outcome = cli("policy", "show", "lksg.v1", "-o", tmp_path / "none" / "ir.json")
    assert outcome.code == 5
    assert list(tmp_path.iterdir()) == []


def test_production_asks_and_a_script_must_have_answered(started: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal the question cannot be put: exit code 2. `--yes` leads to the engine's own answer."""
    assert started("--env", "prod", "rollout", "promote").code == 2
    unsigned = started("rollout", "promote", "--env", "prod", "--yes", "--output", "json")
    assert (unsigned.code, unsigned.data["error"]["code"]) == (4, "rollout.not_signed")


def test_production_goes_on_when_the_words_are_typed(started: Cli) -> None:
    """At a terminal the question names the action and the environment; anything but the words is a no."""
    asked = started("rollout", "promote", "--env", "prod", terminal=True, stdin=b"rollout promote\n")
    assert "Environment: prod" in asked.err
    assert "signature" in asked.err
    declined = started("rollout", "promote", "--env", "prod", terminal=True, stdin=b"y\n")
    assert declined.code == 4
    assert "nothing was changed" in declined.err


def test_production_never_asks_on_the_way_to_safety(started: Cli) -> None:
    """Rolling back and pausing work without --yes, in a script, in production."""
    assert started("rollout", "pause", "--env", "prod").code == 0
    assert started("rollout", "rollback", "--env", "prod").code == 0


def test_the_options_of_every_command_may_stand_before_it(started: Cli) -> None:
    """`capctl --output json status` and `capctl status --output json` are the same; the nearer one counts."""
    assert started("--output", "json", "status").data["env"] == "dev"
    assert started("--env", "one", "status", "--env", "two", "--output", "json").data["env"] == "two"


def test_a_reader_that_goes_away_is_no_traceback_and_no_yes() -> None:
    """`capctl policy list | head -0`: quiet, and not exit code 0."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*CAPCTL, "policy", "list"], stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.fixture
def _ctrl_c_is_heard() -> Iterator[None]:
    """Whoever runs the tests in the background may have had Ctrl-C ignored, and a child inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_heard", "started")
def test_ctrl_c_ends_a_watch_quietly() -> None:
    """130, one line, no traceback; what was printed before stays whole."""
    with subprocess.Popen(
        [*CAPCTL, "drift", "watch", "--interval", "60", "--output", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        assert watch.stdout is not None
        first = watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        rest, err = watch.communicate(timeout=30)
    assert json.loads(first)["policy_id"] == "lksg.v1"
    assert (watch.returncode, rest, err) == (130, "", "interrupted\n")


def test_the_version_is_the_same_wherever_it_is_asked_for(cli: Cli) -> None:
    """`capctl --version` before anything is imported, and `capctl --quiet --version` through the parser."""
    early = subprocess.run([*CAPCTL, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert cli("--quiet", "--version").out == early.stdout


def test_the_pilot_without_a_system_says_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cap-adapter pull` needs an SAP system, and asks for it in words."""
    monkeypatch.delenv("SAP_URL", raising=False)
    program = [sys.executable, "-c", "import sys, capctl.__main__ as m; sys.exit(m.cap_adapter())"]
    done = subprocess.run([*program, "pull"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 2)
    assert "SAP_URL" in done.stderr


def test_colour_is_for_terminals_and_only_if_wanted() -> None:
    """A terminal gets colour; NO_COLOR and --no-color take it away; a pipe never has it."""

    def run_on_terminal(*words: str, **environ: str) -> bytes:
        leader, follower = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", **environ}
        subprocess.run([*CAPCTL, *words], stdout=follower, env=environment, timeout=60, check=True)
        os.close(follower)
        with io.FileIO(leader) as terminal:
            return terminal.read(65536)

    assert b"\x1b[" in run_on_terminal("policy", "list")
    assert b"\x1b[" not in run_on_terminal("policy", "list", "--no-color")
    assert b"\x1b[" not in run_on_terminal("policy", "list", NO_COLOR="1")
    piped = subprocess.run([*CAPCTL, "policy", "list"], capture_output=True, timeout=60, check=True)
    assert b"\x1b[" not in piped.stdout


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "gate check",
        "drift show",
        "rollout show",
        "rollout plan",
        "doctor",
        "policy list",
        "policy show lksg.v1",
        "policy diff lksg.v1 lksg.v1-drift",
        "lists list",
        "lists show sanctions-demo",
        "policy publish lksg-basic.v1",
        f"adapt --at 2026-11-23 --context {EXAMPLES}/context_warn.json",
        f"replay --at 2026-11-23 --candidate lksg.v1-drift --contexts {EXAMPLES} --jobs 1",
    ],
)
def test_text_fits_an_ordinary_terminal(started: Cli, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """80 columns are enough for every page of text."""
    monkeypatch.setenv("COLUMNS", "80")
    outcome = started(*line.split())
    assert max(map(len, outcome.out.splitlines())) <= 80, outcome.out


def test_the_control_room_needs_a_terminal(cli: Cli) -> None:
    """`capctl` alone in a script says what to use instead."""
    for words in ((), ("demo",)):
        outcome = cli(*words)
        assert (outcome.code, outcome.out) == (2, "")
        assert "terminal" in outcome.err


def test_blocks_are_aligned_and_wrap_in_their_last_column() -> None:
    """The layout at a narrow width, and unwrapped for a pipe."""
    blocks = [
        Line("A sentence that is longer than the terminal."),
        Facts([("short", "x"), ("much longer", Toned("y", Tone.GOOD))]),
        Table(["name", "n", "because"], [["R1", "1,200", "the reason is too long"], ["R2", "7", "x"]]),
        Raw("a line that must not be broken whatever the width may be"),
    ]
    assert list(render(blocks, width=34, color=False)) == [
        "A sentence that is longer than the",
        "terminal.",
        "short        x",
        "much longer  y",
        "NAME      N  BECAUSE",
        "R1    1,200  the reason is too",
        "             long",
        "R2        7  x",
        "a line that must not be broken whatever the width may be",
    ]
    assert max(map(len, render(blocks, width=None, color=False))) > 34
    assert "\x1b[32my\x1b[0m" in "\n".join(render(blocks, width=34, color=True))
