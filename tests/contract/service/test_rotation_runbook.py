"""The runbook for rotations, as an engineer at night would follow it, against a service under load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from engine.context import EngineContext
from engine.ops import keyring
from tests.contract.service.conftest import SMOKE, Start, under_load, until

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook_rotation.md"


def commands() -> list[str]:
    """The blocks of commands, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", RUNBOOK.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(block: str, environ: dict[str, str], folder: Path) -> str:
    """Run one block as it stands; what it wrote."""
    (folder / "capctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m capctl "$@"\n')
    (folder / "capctl").chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e", "-c", block],
        cwd=folder,
        env={**os.environ, **environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, block + done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_commands_of_the_runbook_rotate_a_key_under_load(
    start: Start,
    ctx: EngineContext,
    bearer: dict[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Every command works as written; not one request fails from the first to the last; the keys follow at once."""
    environ = {
        "CAPCTL_STATE_DIR": str(ctx.settings.state_dir),
        "CAPCTL_ENV": "staging",
        "CAPCTL_KEY_ANNOUNCE_S": "0",
        "CAPCTL_KEY_SOAK_S": "0",
    }
    service = start("--replica", "r1", module="engine.verifier")
    signed_with: list[str] = []
    blocks = commands()
    assert len(blocks) == 8
    with (
        httpx.Client(base_url=service.url, headers=bearer) as caller,
        under_load(service.url, bearer, callers=2) as told,
    ):
        for block in blocks:
            run(block, environ, tmp_path)
            wanted = keyring.status(ctx, "response")
            # The next step asks for it: the verifier goes by this version, and says so.
            until(partial(_goes_by, ctx, wanted.keyring_version), within_s=5)
            kid = caller.post("/verify", json=SMOKE).json()["result"]["kid"]
            assert kid == wanted.signing_kid
            signed_with.append(kid)
    assert set(told) == {"200"}
    record_property("tried", f"{told['200']:,} verifications by 2 callers, {len(blocks)} blocks of commands")
    assert len(dict.fromkeys(signed_with)) == 3
    states = {key["kid"]: key["state"] for key in httpx.get(f"{service.url}/.well-known/jwks.json").json()["keys"]}
    assert [states[kid] for kid in dict.fromkeys(signed_with)] == ["retired", "retired", "active"]


def _goes_by(ctx: EngineContext, version: int) -> bool:
    return [said.keyring_version for said in ctx.store.replica_keys()] == [version]
