"""Schemathesis, everything it has, against a real service process with a real token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.clock import SystemClock
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.settings import Settings
from engine.verifier.auth import EmbeddedIssuer, Scope
from tests.contract.openapi.document import PATH

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES_EACH = 30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an environment with the demonstration's policy, its lists and a rollout."""
    settings = Settings(env="demo", state_dir=tmp_path / "state")
    with open_context(settings, actor="tester") as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(), actor="tester")
    return settings


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """A verifier process, without a rate limit."""
    command = [sys.executable, "-m", "engine.verifier", "--state", str(settings.state_dir), "--env", "demo"]
    environment = {**os.environ, "CAPCTL_RATE_LIMIT_PER_S": "0"}
    with subprocess.Popen(
        [*command, "--port", "0", "--die-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        assert process.poll() is None, "the service did not survive"
        process.terminate()


@pytest.mark.slow
def test_schemathesis_finds_nothing(settings: Settings, url: str, tmp_path: Path) -> None:
    token = EmbeddedIssuer.open(settings, clock=SystemClock()).mint(tuple(Scope), subject="tester")
    options = ["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"]
    options += ["--max-examples", str(EXAMPLES_EACH), "--generation-deterministic", "--no-color"]
    command = [str(SCHEMATHESIS), "--config-file", str(HERE / "schemathesis.toml"), "run", str(PATH), "--url", url]
    done = subprocess.run(
        [*command, *options, "--header", f"Authorization: Bearer {token}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "API Links" in done.stdout
