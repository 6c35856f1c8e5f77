"""A real Prometheus, on the loopback, and verifier processes for it to scrape."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.settings import Settings

COMES_UP_WITHIN_S = 20.0
SCRAPE_INTERVAL_MS = 200


@dataclass
class Prometheus:
    """One Prometheus server, which can be killed and started again on its data."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self.directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.directory / 'data'}",
                "--storage.tsdb.retention.time=10y",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: answers(f"{self.url}/-/ready"), "Prometheus is ready")

    def scrape(self, *targets: str) -> None:
        """Scrape these base URLs from now on (it re-reads the file by itself)."""
        hosts = [target.removeprefix("http://") for target in targets]
        partial = self.directory / "targets.partial"
        partial.write_text(json.dumps([{"targets": hosts, "labels": {"job": "verifier"}}]))
        partial.rename(self.directory / "targets.json")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def rules(self) -> list[dict[str, Any]]:
        """Every rule as the server last evaluated it."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def query(self, text: str) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.url}/api/v1/query", data={"query": text}, timeout=10).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])


@pytest.fixture
def make_prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Makes servers: with a history in OpenMetrics format, with rules, or empty and scraping a file of targets."""
    if shutil.which("prometheus") is None:
        pytest.skip("Debian's package prometheus is not installed")
    made: list[Prometheus] = []

    def make(history: str = "", rules: str = "groups: []\n") -> Prometheus:
        directory = tmp_path / f"prometheus{len(made)}"
        directory.mkdir()
        (directory / "rules.yml").write_text(rules)
        (directory / "targets.json").write_text("[]")
        (directory / "prometheus.yml").write_text(CONFIG.format(directory=directory, interval_ms=SCRAPE_INTERVAL_MS))
        if history:
            (directory / "history.om").write_text(history)
            subprocess.run(
                ["promtool", "tsdb", "create-blocks-from", "openmetrics", "history.om", "data"],
                cwd=directory,
                check=True,
                capture_output=True,
            )
        made.append(Prometheus(directory, free_port()))
        made[-1].start()
        return made[-1]

    yield make
    for server in made:
        server.kill()


CONFIG = """\
global: {{scrape_interval: {interval_ms}ms, scrape_timeout: {interval_ms}ms, evaluation_interval: 1s}}
rule_files: [{directory}/rules.yml]
scrape_configs:
  - job_name: verifier
    file_sd_configs: [{{files: [{directory}/targets.json], refresh_interval: 1s}}]
"""


@dataclass
class Verifier:
    """One verifier process, which can be killed and started again on its port."""

    state_dir: Path
    replica: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "engine.verifier", "--state", str(self.state_dir), "--env", "demo"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--replica", self.replica],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "CAPCTL_RATE_LIMIT_PER_S": "0"},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline(), "the verifier did not start"
        until(lambda: answers(f"{self.url}/readyz"), "the verifier is ready")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[EngineContext]:
    """The operator's context on a furnished store."""
    with open_context(replace(Settings(), env="demo", state_dir=tmp_path / "state"), actor="tester") as ctx:
        furnish(ctx)
        yield ctx


@pytest.fixture
def make_verifier(ctx: EngineContext) -> Iterator[Callable[[str], Verifier]]:
    """Starts verifiers on the context's store."""
    made: list[Verifier] = []

    def make(replica: str) -> Verifier:
        made.append(Verifier(ctx.settings.state_dir, replica, free_port()))
        made[-1].start()
        return made[-1]

    yield make
    for verifier in made:
        verifier.kill()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether somebody answers there, and well."""
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def until(condition: Callable[[], bool], what: str, *, within_s: float = COMES_UP_WITHIN_S) -> None:
    """Wait for other processes, whose clocks are not ours to move."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)
