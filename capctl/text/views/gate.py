"""How the gate reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capctl.text.layout import Block, Cell, Facts, Gap, Table, Toned
from capctl.text.views.words import ANSWER_TONES, GLYPHS, answer, seconds
from engine.drift.report import GateReport
from engine.ops.results.gate import GateCheck


def checked(result: GateCheck) -> Iterator[Block]:
    """The answer, then every condition with its reason."""
    yield from gate(result.report, [("policy", f"{result.policy_id} in {result.env}")])


def gate(report: GateReport, about: Sequence[tuple[str, Cell]] = ()) -> Iterator[Block]:
    """A gate's report."""
    facts: list[tuple[str, Cell]] = [("gate", answer(report.answer.value)), *about]
    basis = "requests that were not enforced" if report.basis == "preview" else "enforced requests"
    facts.append(("evidence", f"{report.mismatches:,} of {report.n:,} {basis} drifted"))
    if report.samples_needed:
        wait = f", about {seconds(report.expected_wait_s)}" if report.expected_wait_s is not None else ""
        facts.append(("still needed", f"{report.samples_needed:,} more without drift{wait}"))
    if report.rollback_due:
        facts.append(("rollback", Toned(f"due: {report.rollback_reason}", ANSWER_TONES["closed"])))
    yield Facts(facts)
    yield Gap()
    rows: list[Sequence[Cell]] = [
        [
            c.name.replace("_", " "),
            Toned(f"{c.answer.value} {GLYPHS[c.answer.value]}", ANSWER_TONES[c.answer.value]),
            c.detail,
        ]
        for c in report.conditions
    ]
    yield Table(["condition", "answer", "because"], rows)


VIEWS = {"gate.check": checked}
