"""How a smoke test reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capctl.text.layout import Block, Cell, Gap, Line, Table, Tone, Toned
from capctl.text.views.words import NOTHING, count, seconds
from engine.cutover.smoke import SmokeCheck, SmokeReport


def report(result: SmokeReport) -> Iterator[Block]:
    """Every check in a row, then the answer."""
    rows = [_row(check) for check in result.checks]
    yield Table(["check", "request", "status", "time", "", "found"], rows)
    yield Gap()
    where = f"{result.env}, {result.base}"
    if result.failed:
        names = ", ".join(check.name for check in result.failed)
        yield Line(f"RED ✗ {len(result.failed)} of {count(len(result.checks), 'check')}: {names} ({where})", Tone.BAD)
    else:
        yield Line(f"green ✓ {count(len(result.checks), 'check')} ({where})", Tone.GOOD)


def _row(check: SmokeCheck) -> Sequence[Cell]:
    mark = Toned("✓", Tone.GOOD) if check.ok else Toned("✗", Tone.BAD)
    found = check.detail if check.ok else Toned(check.detail, Tone.BAD)
    status = NOTHING if check.status is None else str(check.status)
    return [check.name, check.request, status, seconds(check.elapsed_s), mark, found]


VIEWS = {"smoke.run": report}
