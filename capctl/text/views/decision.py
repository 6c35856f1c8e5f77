"""How `adapt` and `replay` read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capctl.text.layout import Block, Facts, Gap, Line, Table, Tone, Toned
from capctl.text.views.words import answer, count, percent, short, verdict
from engine.adaptation import Adaptation
from engine.clock import to_rfc3339
from engine.decision.verdict import Outcome
from engine.ops.results.decision import Replay
from engine.rollout.plan import to_percent


def adaptation(result: Adaptation) -> Iterator[Block]:
    """The decision first, then what it rests on."""
    if result.decision is not None:
        yield from _decision(result)
        yield Gap()
    plan = result.plan
    yield Facts(
        [
            ("policy", f"{result.ir.policy_id}  {short(result.ir.ir_hash)}"),
            ("context", short(result.context_hash)),
            ("at", to_rfc3339(result.request.at)),
            (
                "plan",
                f"{count(len(plan.active), 'active rule')}, selector {plan.selector.value}  {short(plan.plan_hash)}",
            ),
        ]
    )
    yield Gap()
    rows = [[f"{n}", rule.id, ", ".join(rule.because) or "always active"] for n, rule in enumerate(plan.active, 1)]
    yield Table(
        ["", "rule", "because"], rows + [["-", rule, Toned("not active", Tone.FAINT)] for rule in plan.inactive]
    )


def _decision(result: Adaptation) -> Iterator[Block]:
    decision = result.decision
    assert decision is not None
    share = f"{to_percent(result.request.basis_points)} %"
    taken = f"bucket {decision.bucket / 100:.2f} of 100, enforced below {share}"
    applied = f"applied: {taken}" if decision.applied else f"not applied: {taken}"
    if not result.request.enforce:
        applied = "not applied: no --enforce"
    gate = "open" if result.gate_is_open else "closed"
    gate_detail = (
        f"{percent(result.drift_ratio)} drift in this request, limit {percent(result.request.drift_max_ratio)}"
    )
    yield Facts(
        [
            ("enforced", verdict(decision.enforced.verdict.label)),
            ("shadow", verdict(decision.shadow.verdict.label)),
            ("candidate", verdict(decision.candidate.verdict.label)),
            ("rollout", applied),
            ("drift", f"{_words(decision.drift.value)}; preview: {_words(decision.preview.value)}"),
            ("gate", answer(gate)),
            ("", gate_detail),
        ]
    )
    rows = [*_violations("shadow", decision.shadow), *_violations("candidate", decision.candidate)]
    if rows:
        yield Gap()
        yield Table(["side", "violated rule", "reason"], rows)


def _violations(side: str, outcome: Outcome) -> list[list[str]]:
    return [[side, violation.rule_id, _words(violation.reason)] for violation in outcome.violations]


def _words(code: str) -> str:
    return code.replace("_", " ")


def replay(result: Replay) -> Iterator[Block]:
    """How many verdicts change, then why."""
    summary = result.summary
    flips = {name.replace("_", " "): number for name, number in sorted(summary.flips.items())}
    directions = ", ".join(f"{number:,} {name}" for name, number in flips.items()) or "none"
    share = summary.flip_total / summary.total if summary.total else None
    yield Line(
        f"{summary.flip_total:,} of {count(summary.total, 'context')} change their verdict ({percent(share)})",
        Tone.STRONG,
    )
    yield Facts(
        [
            ("baseline", f"{result.baseline.policy_id}  {short(result.baseline.ir_hash)}"),
            ("candidate", f"{result.candidate.policy_id}  {short(result.candidate.ir_hash)}"),
            ("at", to_rfc3339(result.at)),
            ("direction", directions),
            *(
                (f"at {points / 100:g} %", f"{number:,} would have changed")
                for points, number in sorted(summary.flips_at.items())
            ),
            *([("malformed", Toned(_malformed(summary), Tone.BAD))] if summary.malformed else []),
        ]
    )
    if summary.explained:
        yield Gap()
        ranked = sorted(summary.explained.items(), key=lambda item: (-item[1], item[0]))
        rows = [
            [f"{number:,}", rule, _words(reason), _words(direction)] for (direction, rule, reason), number in ranked
        ]
        yield Table(["contexts", "rule", "reason", "direction"], rows)


def _malformed(summary: Any) -> str:
    first = ", ".join(str(line.line) for line in summary.malformed_lines[:3])
    return f"{count(summary.malformed.total(), 'line')} not counted, first: {first}"


VIEWS = {"decision.adapt": adaptation, "decision.replay": replay}
