"""How drift reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Table, Tone
from capctl.text.views.words import percent, seconds
from engine.drift.counts import Counts
from engine.drift.sample import Explanation
from engine.ops.results.drift import DriftExplanation, DriftView


def shown(result: DriftView) -> Iterator[Block]:
    """Every window in a row of its own, then the step; or why nothing is known."""
    if result.source_problem:
        yield Line(f"! {result.source_problem}; the gate holds", Tone.BAD)
        return
    age = "no verifier has reported" if result.source_age_s is None else f"{seconds(result.source_age_s)} old"
    yield Facts([("policy", result.policy_id), ("limit", percent(result.limit)), ("evidence", age)])
    yield Gap()
    yield windows({**result.windows, "step": result.step})


def windows(counts: Mapping[str, Counts]) -> Table:
    """Drift by window: the share of enforced requests, of all requests, and what would happen to the others."""
    rows = [
        [
            name,
            f"{c.requests:,}",
            f"{c.enforced:,}",
            percent(c.enforced_drift_ratio),
            percent(c.drift_ratio),
            percent(c.preview_drift_ratio),
            f"{c.over_block}/{c.under_block}/{c.unknown}",
            percent(c.aa_floor),
        ]
        for name, c in counts.items()
    ]
    columns = ["window", "requests", "enforced", "of enforced", "of all", "preview", "over/under/?", "noise"]
    return Table(columns, rows)


def explained(result: DriftExplanation) -> Iterator[Block]:
    """The rules, most frequent first."""
    step = result.step
    yield Line(f"{step.drift:,} drifted, {step.preview:,} would have, since the step began", Tone.STRONG)
    if result.explained:
        yield Gap()
        yield rules(result.explained)


def rules(explanations: Sequence[Explanation]) -> Table:
    """Which rules explain how much."""
    rows: list[Sequence[Cell]] = [
        [
            f"{e.count:,}",
            e.rule_id,
            e.reason.replace("_", " "),
            e.direction.replace("_", " ") + (", preview" if e.preview else ""),
        ]
        for e in explanations
    ]
    return Table(["requests", "rule", "reason", "direction"], rows)


VIEWS = {"drift.show": shown, "drift.watch": shown, "drift.explain": explained}
