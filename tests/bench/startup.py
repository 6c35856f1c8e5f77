"""Start-up: CPU time of whole commands, as multiples of `python -c pass` in the same environment."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 11
CAPCTL = Path(sys.executable).with_name("capctl")
CONTEXT = Path(__file__).parents[2] / "examples" / "context_ok.json"
BASE = ("python -c pass", [sys.executable, "-c", "pass"], "")

COMMANDS = (
    ("S1 `capctl --version`", ["--version"], "≤ 3 (2.5)"),
    ("S2 `capctl --help`", ["--help"], "≤ 7 (5)"),
    ("S2 `capctl rollout --help`", ["rollout", "--help"], "≤ 7 (5)"),
    ("S2 `capctl adapt --help`", ["adapt", "--help"], "≤ 7 (5)"),
    ("`capctl gate check`", ["gate", "check"], "≤ 12"),
    ("`capctl status`", ["status"], "≤ 12"),
    ("S3 `capctl adapt --context ...`", ["adapt", "--context", str(CONTEXT), "--at", "2026-11-23"], ""),
)


def cpu_s(command: list[str], environ: dict[str, str]) -> float:
    """CPU seconds, user and system, of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run() -> str:
    """Alternate all commands, `ROUNDS` times, on a registry with a rollout; compare the medians."""
    rows = [BASE, *((name, [str(CAPCTL), *words], goal) for name, words, goal in COMMANDS)]
    rows.append(("import typer", [sys.executable, "-c", "import typer"], ""))
    with tempfile.TemporaryDirectory() as state:
        environ = {**os.environ, "XDG_STATE_HOME": state, "CAPCTL_ACTOR": "bench"}
        # An installed program has its bytecode; a checkout that may not write any would be compiled at each start.
        environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(state) / "bytecode")}
        for words in (["policy", "publish", "lksg.v1"], ["rollout", "start"]):
            subprocess.run([str(CAPCTL), *words], env=environ, check=True, stdout=subprocess.DEVNULL)
        times: list[list[float]] = [[] for _ in rows]
        for _, command, _ in rows:
            cpu_s(command, environ)
        for _ in range(ROUNDS):
            for taken, (_, command, _) in zip(times, rows, strict=True):
                taken.append(cpu_s(command, environ))
    base = statistics.median(times[0])
    lines = ["| command | × `python -c pass` | CPU ms (best) | goal (stretch) |", "| --- | ---: | ---: | --- |"]
    for taken, (name, _, goal) in zip(times, rows, strict=True):
        lines.append(f"| {name} | {statistics.median(taken) / base:.1f} | {min(taken) * 1000:.0f} | {goal} |")
    return "\n".join(lines)
