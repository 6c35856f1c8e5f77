"""How a load test reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Tone
from capctl.text.plot import sparkline
from capctl.text.views.words import percent, seconds
from engine.cutover.load_report import LoadReport

PLOT_WIDTH: Final = 60


def report(result: LoadReport) -> Iterator[Block]:
    """The answer with its reasons, the numbers behind it, and the course of the run."""
    if result.rehearsed:
        yield Line(f"Would send {result.plan.requests:,} requests to {result.base} ({result.env}); nothing was sent.")
        return
    yield from _answer(result)
    yield Gap()
    yield Facts(_facts(result))
    yield Gap()
    yield Facts(
        [
            ("p95 by time", _plot([slot.p95_s for slot in result.course])),
            ("failed by time", _plot([float(slot.failed) for slot in result.course])),
        ]
    )


def _answer(result: LoadReport) -> Iterator[Block]:
    limits = f"p95 < {seconds(result.slo.p95_s)}, failed < {percent(result.slo.error_ratio)}"
    match result.answer:
        case "yes":
            yield Line(f"PASS ✓ {limits}", Tone.GOOD)
        case "no":
            yield Line(f"MISSED ✗ {'; '.join(result.misses)}", Tone.BAD)
        case _:
            yield Line(f"UNPROVEN … {'; '.join(result.doubts)}", Tone.CAUTION)
            for miss in result.misses:
                yield Line(f"! {miss}", Tone.CAUTION)


def _facts(result: LoadReport) -> list[tuple[str, Cell]]:
    latency = result.latency_s
    rows: list[tuple[str, Cell]] = [
        ("verifier", f"{result.base} ({result.env})"),
        ("load", f"{result.due:,} requests, {result.plan.rps:g} a second for {seconds(result.plan.duration_s)}"),
        ("failed", f"{result.failed:,}, {percent(result.error_ratio)}{_causes(result)}"),
        ("latency", ", ".join(f"{name} {seconds(latency[name])}" for name in ("p50", "p90", "p95", "p99", "max"))),
        ("generator late", f"{seconds(result.lag_p99_s)} (p99)"),
    ]
    if result.backends:
        rows.append(("answered by", ", ".join(f"{name} {n:,}" for name, n in sorted(result.backends.items()))))
    if result.replicas:
        counts = [ready for _, ready in result.replicas]
        rows.append(("replicas", f"{counts[0]} at first, {max(counts)} at most, {counts[-1]} at the end"))
    return rows


def _causes(result: LoadReport) -> str:
    causes = [f"{n:,} {outcome.value}" for outcome, n in result.outcomes.items() if n and outcome != "answered"]
    codes = [f"{n:,} x {status}" for status, n in sorted(result.statuses.items()) if not 200 <= status < 300]
    return f" ({', '.join(causes + codes)})" if causes else ""


def _plot(values: list[float | None]) -> str:
    highest = max((value for value in values if value is not None), default=0.0)
    return f"{sparkline(values, width=PLOT_WIDTH)} up to {highest:.3g}"


VIEWS = {"load.run": report}
