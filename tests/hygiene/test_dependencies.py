"""What the project stands on is written down, and why."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_dependency_says_why_it_and_not_the_next_best() -> None:
    """docs/dependencies.md has a row for each requirement, and none for what is gone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = (line for lines in project["optional-dependencies"].values() for line in lines)
    required = {re.split(r"[<>=;\[ ]", line)[0] for line in (*project["dependencies"], *extras)}
    rows = re.findall(r"^\| ([a-z0-9, -]+) \|", (ROOT / "docs" / "dependencies.md").read_text("utf-8"), re.MULTILINE)
    explained = {name for row in rows for name in row.split(", ")} - {"package", "---"}
    assert explained == required
