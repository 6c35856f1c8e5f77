"""The runbook's commands work as they are written, in the order they are written in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook_restore.md"


def commands() -> list[str]:
    """The blocks of commands, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_the_runbook_restores_a_registry(tmp_path: Path) -> None:
    """From nothing to a restored registry, by copying blocks; each must succeed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CAPCTL_")}
    environ |= {
        "CAPCTL_STATE_DIR": str(tmp_path / "state"),
        "CAPCTL_ACTOR": "oncall",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    blocks = commands()
    assert len(blocks) >= 8
    script = "\n".join(["set -eu", "capctl policy publish lksg.v1", *blocks])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for words in ("backed up ✓", "complete ✓", "drill passed ✓", "sound ✓", "restored ✓", "intact ✓", "restore.run"):
        assert words in ran.stdout, words
    assert (tmp_path / "drill.json").is_file()
