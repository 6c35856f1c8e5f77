"""The commands of the user's documents, verbatim, in a shell, against the demonstration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.demo import DemoWorld, demo_state_dir

pytestmark = pytest.mark.slow

COMMANDS = """
set -eu
eval "$({python} -m capctl demo env)"
curl -sf $BASE/healthz
curl -sf -H "Authorization: Bearer $TOKEN" $BASE/readyz
curl -sf -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' \
  -d '{{"policy_id":"lksg.v1","context":{{"_demo":true}},"backend":"mock"}}' $BASE/verify | jq .result > result.json
{python} -m capctl --env demo verify-result result.json
! {python} -m capctl --env demo verify-result altered.json
curl -s -o refused.json -w '%{{http_code}}' $BASE/rollout
"""


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl and jq are not installed")
def test_a_second_terminal_runs_the_block_of_the_documents(tmp_path: Path) -> None:
    (tmp_path / "altered.json").write_text('{"verdict":"ok","signature":"eyJhbGciOiJFZDI1NTE5In0..AAAA"}')
    environ = {**os.environ, "CAPCTL_STATE_DIR": str(tmp_path / "state")}
    with DemoWorld(demo_state_dir(tmp_path / "state"), rate=20):
        done = subprocess.run(
            ["bash", "-c", COMMANDS.format(python=sys.executable)],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert '"status":"ready"' in done.stdout
    assert "signed by the verifier" in done.stdout
    assert done.stdout.endswith("401")
