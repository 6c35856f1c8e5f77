"""Schemathesis, everything it has, against a real service process with a real token."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.openapi.conftest import Process
from tests.contract.openapi.document import PATH

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES_EACH = 30


@pytest.mark.slow
def test_schemathesis_finds_nothing(process: Process, tmp_path: Path) -> None:
    options = ["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"]
    options += ["--max-examples", str(EXAMPLES_EACH), "--generation-deterministic", "--no-color"]
    command = [
        str(SCHEMATHESIS),
        "--config-file",
        str(HERE / "schemathesis.toml"),
        "run",
        str(PATH),
        "--url",
        process.url,
    ]
    done = subprocess.run(
        [*command, *options, "--header", f"Authorization: Bearer {process.token}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "API Links" in done.stdout
