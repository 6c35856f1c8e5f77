"""docs/gate.md says what the gate does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from engine.drift.counts import Counts
from engine.drift.evidence import clean_samples_needed
from engine.drift.gate import GateSettings, evaluate_gate
from engine.drift.sample import Traffic

DOCUMENT = (Path(__file__).parents[3] / "docs" / "gate.md").read_text("utf-8")


def first_cells(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    section = DOCUMENT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_condition_is_explained() -> None:
    """And no other."""
    settings = GateSettings(over_block_max_ratio=0.1, under_block_max_ratio=0.1, unknown_max_ratio=0.1)
    report = evaluate_gate(
        settings,
        step=Counts(),
        traffic=Traffic(),
        windows={},
        source_age_s=None,
        step_age_s=0.0,
        hold_s=0.0,
        requests_per_s=0.0,
        basis_points=0,
    )
    assert first_cells("Conditions") == {condition.name for condition in report.conditions}


def test_every_setting_is_listed_with_its_default() -> None:
    """As the dataclass has it."""
    assert first_cells("Settings") == {f.name for f in fields(GateSettings)}
    for field in fields(GateSettings):
        if field.default is not None:
            default = field.default if isinstance(field.default, str) else f"{field.default:g}"
            assert re.search(rf"\| `{field.name}` \| `?{re.escape(default)}`? \|", DOCUMENT), field.name


def test_the_clean_requests_needed_are_those_of_the_table() -> None:
    """88, 224, 449, 901."""
    limits = re.findall(r"([\d.]+) %", re.findall(r"^\| limit \|.*$", DOCUMENT, re.MULTILINE)[0])
    needed = re.findall(r"\d+", re.findall(r"^\| clean requests \|.*$", DOCUMENT, re.MULTILINE)[0])
    assert [clean_samples_needed(float(limit) / 100, 0.05) for limit in limits] == [int(number) for number in needed]
