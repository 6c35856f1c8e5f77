"""How a diagnosis reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Table, Tone, Toned
from engine.ops.results.doctor import Diagnosis

MARKS: Final = {
    "ok": Toned("ok ✓", Tone.GOOD),
    "warn": Toned("warn !", Tone.CAUTION),
    "fail": Toned("FAIL ✗", Tone.BAD),
}


def diagnosis(result: Diagnosis) -> Iterator[Block]:
    """Every check in a row; what to do comes after, where there is something."""
    rows: list[Sequence[Cell]] = [[c.name, MARKS[c.health], c.found] for c in result.checks]
    yield Table(["check", "health", "found"], rows)
    fixes = [(check.name, check.fix) for check in result.checks if check.fix]
    if fixes:
        yield Gap()
        yield Line("What to do", Tone.STRONG)
        yield Facts(fixes)


VIEWS = {"doctor.run": diagnosis}
