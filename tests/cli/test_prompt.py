"""The passphrase of the key that a person signs with: asked for on a terminal, unseen, and nowhere else."""

from __future__ import annotations

import getpass
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.bootstrap import load, open_context
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.readiness.items import Attestation
from tests.cli.conftest import Cli

SECRET = "correct horse"
ASKING = "from capctl.cli.prompt import ask_passphrase; print(repr(ask_passphrase('the orr key')))"


def on_a_terminal(typed: bytes) -> str:
    """What is seen on a terminal whose user is asked, and types."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASKING])
    seen = b""
    try:
        while not seen.endswith(b": "):
            seen += os.read(terminal, 1024)
        os.write(terminal, typed)
        while chunk := os.read(terminal, 1024):
            seen += chunk
    except OSError:  # so a terminal ends on Linux, once nobody writes to it
        pass
    finally:
        os.waitpid(pid, 0)
        os.close(terminal)
    return seen.decode()


def test_what_is_typed_is_not_seen() -> None:
    """The question names the key; between question and answer the terminal shows nothing."""
    question, answer = on_a_terminal(f"{SECRET}\n".encode()).split("\r\n", 1)
    assert question == "Passphrase of the orr key: "
    assert answer.strip() == repr(SECRET)


@pytest.mark.parametrize("typed", [b"\n", b"\x04"], ids=["nothing", "end of input"])
def test_no_answer_is_none(typed: bytes) -> None:
    """The engine then says what is missing."""
    assert on_a_terminal(typed).strip().endswith("None")


def test_nobody_is_asked_where_nobody_is() -> None:
    """A script that is fed from a pipe never hangs, and its input is no passphrase."""
    done = subprocess.run([sys.executable, "-c", ASKING], input=b"x\n", capture_output=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (b"None", b"")


@pytest.fixture
def unblocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A review that only has to be signed, with a key whose passphrase nobody's environment holds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAPCTL_KEY_PASSPHRASE", SECRET)
    (tmp_path / "seen.txt").write_text("seen")
    with open_context(load({}), actor="oncall") as ctx:
        run(REGISTRY["keys.init"], ctx, purpose="orr")
        for state in run(REGISTRY["orr.show"], ctx).states:
            if state.blocks and isinstance(state.item.check, Attestation):
                run(REGISTRY["orr.attest"], ctx, item=state.item.id, evidence=["seen.txt"])
            elif state.blocks:
                run(REGISTRY["orr.waive"], ctx, item=state.item.id, reason="no cluster", approver="second", days=3)
    monkeypatch.delenv("CAPCTL_KEY_PASSPHRASE")


def answering(said: str) -> Callable[..., str]:
    """Somebody who types this when they are asked."""
    return lambda _prompt, stream=None: said


@pytest.mark.usefixtures("unblocked")
def test_signing_asks_for_the_passphrase_and_fails_closed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong one exits with 3 and signs nothing; the right one signs; it stands in no output and in no record."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", answering("wrong horse"))
    refused = cli("orr", "sign", terminal=True)
    assert refused.code == 3
    assert "cannot be decrypted" in refused.err
    assert cli("orr", "verify").code == 4
    monkeypatch.setattr(getpass, "getpass", answering(SECRET))
    signed = cli("orr", "sign", "--output", "json", terminal=True)
    assert signed.code == 0
    assert signed.data["holds"] is True
    told = "".join((refused.out, refused.err, signed.out, signed.err, cli("audit", "show", "--output", "json").out))
    assert "horse" not in told


@pytest.mark.usefixtures("unblocked")
def test_without_a_terminal_signing_says_how_to_give_it(cli: Cli) -> None:
    """Headless, the passphrase comes from a file or the environment, and the error says so."""
    refused = cli("orr", "sign")
    assert refused.code == 3
    assert "key_passphrase_file" in refused.err
    assert "CAPCTL_KEY_PASSPHRASE" in refused.err


@pytest.mark.usefixtures("unblocked")
def test_only_what_was_shown_is_signed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held to another hash, nothing is signed: exit code 6."""
    monkeypatch.setenv("CAPCTL_KEY_PASSPHRASE", SECRET)
    refused = cli("orr", "sign", "--if-bound", f"sha3-256:{'0' * 64}")
    assert refused.code == 6
    assert "no longer what was shown" in refused.err
