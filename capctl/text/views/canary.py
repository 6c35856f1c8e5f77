"""How a canary watch reads: a line for each look, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Gap, Line, Raw, Table, Tone
from capctl.text.views.words import NOTHING, moment, percent, seconds
from engine.cutover.canary import CanaryRow
from engine.cutover.canary_evidence import ALL, Track

VERDICTS: Final = {
    "yes": ("GREEN ✓", Tone.GOOD),
    "no": ("RED ✗", Tone.BAD),
    "hold": ("HELD …", Tone.CAUTION),
}


def row(result: CanaryRow) -> Iterator[Block]:
    """One look on one line; the last one with every track and the verdict."""
    yield Raw(_line(result))
    if not result.final:
        return
    yield Gap()
    yield Table(
        ["part", "verifiers", "requests", "5xx", "p95", "enforced", "drift", "restarts"],
        [_cells(track) for track in result.tracks.values()],
    )
    for event in result.scaling:
        yield Line(f"autoscaler: {event}")
    yield Gap()
    word, tone = VERDICTS[result.answer]
    why = "; ".join(result.reasons) or f"clean for {seconds(result.clean_s)}"
    yield Line(f"{word} {why}", tone)


def _line(result: CanaryRow) -> str:
    whole = result.tracks[ALL]
    numbers = (
        f"{moment(result.at)}  clean {result.clean_s:.0f}/{result.for_s:.0f} s  {whole.traffic.requests:,} requests  "
        f"{whole.traffic.errors_5xx:,} 5xx  p95 {seconds(whole.p95_s)}"
    )
    return f"{numbers}  {'; '.join(result.reasons)}".rstrip()


def _cells(track: Track) -> list[str]:
    traffic, counts = track.traffic, track.counts
    drift = percent(counts.enforced_drift_ratio) if counts.enforced else NOTHING
    return [
        track.name,
        f"{track.verifiers}",
        f"{traffic.requests:,}",
        f"{traffic.errors_5xx:,}",
        seconds(track.p95_s),
        f"{counts.enforced:,}",
        drift,
        f"{track.restarts}",
    ]


VIEWS = {"canary.watch": row}
