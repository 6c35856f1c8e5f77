"""What a command really imports: a static graph cannot tell a deferred import from an eager one, a process can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

HEAVY = {
    "pandas",
    "fastapi",
    "textual",
    "httpx",
    "numpy",
    "aiohttp",
    "rich",
    "pydantic",
    "starlette",
    "uvicorn",
    "asyncio",
}
"""Dear to import, and of no use to a command that answers and ends."""
PARSERS = {"typer", "inspect", "json", "dataclasses", "sqlite3", "yaml", "pathlib"}
"""Not needed to show a page."""

REPORT = """
import sys
sys.argv = ["capctl", *{words!r}]
from capctl.__main__ import main
code = main()
sys.stdout.flush()
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def imported_by(*words: str) -> set[str]:
    """The top-level modules in memory when a command has ended."""
    script = REPORT.format(words=words)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 3, 4), done.stderr
    return {line.partition(".")[0] for line in done.stderr.splitlines()}


def test_the_version_reads_nothing_but_itself() -> None:
    """`capctl --version` imports the package, its version, and no third party."""
    assert not imported_by("--version") & (HEAVY | PARSERS)


@pytest.mark.parametrize(
    "words", [("--help",), ("rollout", "--help"), ("rollout", "set", "--help"), ("adapt", "--help"), ("demo", "--help")]
)
def test_a_help_page_needs_no_parser(words: tuple[str, ...]) -> None:
    """Help pages come from the declarations alone."""
    assert not imported_by(*words) & (HEAVY | PARSERS)


@pytest.mark.parametrize(
    "words",
    [
        ("gate", "check"),
        ("status",),
        ("doctor",),
        ("adapt", "--context", str(EXAMPLES / "context_ok.json"), "--at", "2026-11-23"),
        ("policy", "list", "--output", "json"),
        ("--quiet", "gate", "check"),  # not plain: read by Typer, which would load pydantic
    ],
)
def test_a_command_that_answers_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    """Neither a user interface nor an HTTP stack nor pydantic is loaded to answer one question."""
    assert not imported_by(*words) & HEAVY


def test_asking_the_gate_needs_no_yaml() -> None:
    """A policy that is published is read as IR; only authors need the parser."""
    assert "yaml" not in imported_by("gate", "check")


def test_declaring_every_operation_is_cheap() -> None:
    """The catalogue loads declarations: no room, no store, no parser."""
    script = "import sys, engine.ops.catalogue; print(chr(10).join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.splitlines())
    assert not {name.partition(".")[0] for name in loaded} & (HEAVY | PARSERS)
    assert not [name for name in loaded if name.startswith(("engine.registry", "engine.policy.", "engine.rollout."))]
