"""Runbooks are followed at night: what they say to type exists, works, and leads where they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

import engine.ops.catalogue  # noqa: F401 - fills the registry
from capctl.tui.command_line import parse
from engine.demo import DemoWorld, demo_state_dir
from engine.ops.spec import REGISTRY
from tests.docs.blocks import DOCS, commands

RUNBOOKS = sorted(DOCS.glob("runbook_*.md"))
ON_CALL = [DOCS / f"runbook_{name}.md" for name in ("rollout", "auth_mtls", "rollback", "cache_flush", "incident")]
ANSWERS = (0, 3, 4)
"""Exit codes that are answers: done, no, hold."""


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_capctl_line_is_a_command(runbook: Path) -> None:
    for line in commands(runbook, "sh", "text"):
        if line.startswith("capctl ") and "|" not in line:
            parse(re.sub(r" --env \w+| --yes| --output \w+| -o \S+", "", line), REGISTRY)


@pytest.mark.parametrize("document", RUNBOOKS, ids=lambda path: path.stem)
def test_every_document_that_is_pointed_to_exists(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+\.md)", document.read_text()):
        assert (DOCS / target).exists(), target


def test_every_alert_leads_to_a_runbook() -> None:
    rules = yaml.safe_load((DOCS.parent / "grafana/rules/alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    incident = (DOCS / "runbook_incident.md").read_text()
    assert {alert for alert in alerts if alert not in incident} == set()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of somebody on call beside a running verifier."""
    home = tmp_path_factory.mktemp("on-call")
    (home / "capctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m capctl "$@"\n')
    (home / "capctl").chmod(0o755)
    environ = {
        **os.environ,
        "CAPCTL_STATE_DIR": str(home / "state"),
        "CAPCTL_ENV": "demo",
        "PATH": f"{home}:{os.environ['PATH']}",
        "HOME": str(home),
    }
    with DemoWorld(demo_state_dir(home / "state"), rate=50):
        given = subprocess.run(["capctl", "demo", "env"], env=environ, capture_output=True, text=True, check=True)
        exported = re.findall(r"^(?:export )?(\w+)=['\"]?(.*?)['\"]?$", given.stdout, re.MULTILINE)
        yield {**environ, **dict(exported), "CAPCTL_STATE_DIR": environ["CAPCTL_STATE_DIR"]}


@pytest.mark.slow
@pytest.mark.parametrize("runbook", ON_CALL, ids=lambda path: path.stem)
def test_what_is_to_be_typed_works(runbook: Path, shell: Mapping[str, str], tmp_path: Path) -> None:
    typed = list(commands(runbook, "sh"))
    assert typed
    for line in typed:
        done = subprocess.run(
            ["bash", "-c", line], env=shell, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode in ANSWERS, (line, done.stderr)
