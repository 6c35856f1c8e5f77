"""What the lower part of the Deploy screen shows: plan, output, revisions, or one of the checks, line by line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Final

from textual.content import Content

from capctl.tui.activities import Activity, Step
from capctl.tui.deploy import (
    APPLY,
    CANARY,
    LOAD,
    PLAN,
    ROLLBACK,
    SMOKE,
    canary_of,
    load_of,
    plan_run,
    running,
    smoke_of,
    status_of,
)
from capctl.tui.drawing import cell, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.deploy_plot import plot
from capctl.tui.wording import NOTHING, age, count, duration, latency, share, short_hash
from engine.context import Progress
from engine.cutover.local.target import STEPS
from engine.cutover.target import Difference
from engine.ops.results.deploy import DeployPlan
from engine.ops.results.deploy_look import TrackSeen

VIEWS: Final[Mapping[str, str]] = {
    "plan": "Plan",
    "output": "Output",
    "revisions": "Revisions",
    "smoke": "Smoke",
    "canary": "Canary",
    "load": "Load",
}
OF: Final[Mapping[str, str]] = {
    PLAN: "plan",
    APPLY: "output",
    ROLLBACK: "output",
    SMOKE: "smoke",
    CANARY: "canary",
    LOAD: "load",
}
"""The view of each operation."""
TALL_PLOT: Final = 8
"""Most rows of a plot."""


def lines_of(view: str, state: ConsoleState, width: int, height: int, chosen: int | None) -> list[Content]:
    """Every line of a view.

    Args:
        view: Which.
        state: What to show.
        width: In cells.
        height: Rows that are seen at once.
        chosen: The chosen revision's place, where revisions are shown.
    """
    if view == "revisions":
        return _revisions(state, chosen)
    return _DRAWN[view](state, width, height)


def _plan(state: ConsoleState, width: int, _height: int) -> list[Content]:
    run = plan_run(state)
    if run is None or not isinstance(run.result, DeployPlan):
        planning = "planning …" if running(state, PLAN) else "p plans: the commands first, then what they would change"
        return [Content.styled(planning, "$muted")]
    plan = run.result
    made = age((state.now - run.at).total_seconds())
    found = (
        f"made {made} ago for revision {plan.status.revision}: {plan.diff.chart} {short_hash(plan.diff.chart_digest)}"
    )
    lines = [Content.styled(found, "$muted")]
    lines += [line for command in plan.commands for line in _command(command.line, width)]
    if not plan.diff.differences:
        lines.append(Content.styled("Nothing would differ from what is deployed.", "$muted"))
    lines += [_difference(item) for item in plan.diff.differences]
    return [*lines, *(Content.styled(remark, "$gate-hold") for remark in plan.remarks)]


def _command(line: str, width: int) -> list[Content]:
    """A command whole, on as many lines as it takes: nobody should have to guess what will be run."""
    parts = textwrap.wrap(line, max(20, width - 4), break_on_hyphens=False, break_long_words=True)
    first = row(Content.styled("$ ", "$muted"), Content.styled(parts[0], "bold"))
    return [first, *(Content.styled(f"    {part}", "bold") for part in parts[1:])]


def _difference(item: Difference) -> Content:
    if not item.path:
        word, tone = ("+ new", "$gate-open") if item.before is None else ("- REMOVED", "$gate-closed")
        return row(Content.styled(f"{word:<10}", tone), item.resource)
    glyph, tone = (
        ("+", "$gate-open")
        if item.before is None
        else ("-", "$gate-closed")
        if item.after is None
        else ("~", "$gate-hold")
    )
    change = f" {item.before or NOTHING} → {item.after or NOTHING}"
    return row(Content.styled(f"{glyph} ", tone), f"{item.resource} ", Content.styled(item.path, "$muted"), change)


def _output(state: ConsoleState, _width: int, _height: int) -> list[Content]:
    run = _change(state)
    if run is None:
        return [Content.styled("nothing was deployed from this console yet", "$muted")]
    lines = [_printed(told) for told in run.told if told.output]
    lines += [_resource(step.progress, is_past=_is_past(run, step)) for step in run.steps if step.progress.total]
    if run.error:
        lines.append(Content.styled(f"■ {run.error.message}", "$gate-closed"))
        lines.append(Content(run.error.hint))
    elif not run.is_running:
        lines.append(
            Content.styled(f"○ {' '.join(run.call.op.command)} done: revision {run.result.revision}", "$gate-open")
        )
    return lines


def _change(state: ConsoleState) -> Activity | None:
    runs = (run for run in reversed(state.activities) if run.call.op.id in (APPLY, ROLLBACK))
    return next((run for run in runs if not run.call.dry_run), None)


def _printed(told: Progress) -> Content:
    return Content.styled(told.output, "bold" if told.output.startswith("$ ") else "")


def _is_past(run: Activity, step: Step) -> bool:
    """Whether a step is over: the change went well, or is at a later part of itself."""
    if not run.is_running:
        return run.error is None
    names = [known.progress.step for known in run.steps if known.progress.step in STEPS]
    return step.progress.step in names[:-1]


def _resource(told: Progress, *, is_past: bool) -> Content:
    is_ready = is_past or (told.total is not None and told.done >= told.total)
    glyph, tone = ("○", "$gate-open") if is_ready else ("…", "$gate-hold")
    counted = "" if told.step in STEPS else f"{told.done}/{told.total}  "
    return row(Content.styled(f"{glyph} ", f"bold {tone}"), cell(told.step, 28), f"{counted}{told.message}")


def _revisions(state: ConsoleState, chosen: int | None) -> list[Content]:
    status = status_of(state)
    if status is None or not status.history:
        return [Content.styled("nothing was ever deployed there", "$muted")]
    lines = []
    for place, entry in enumerate(status.history):
        tone = "$gate-open" if entry.is_good else "$gate-closed"
        since = f"{age((state.now - entry.at).total_seconds())} ago"
        lines.append(
            row(
                Content.styled("▸ " if place == chosen else "  ", "bold $chosen"),
                cell(f"revision {entry.number}", 14, "bold" if place == chosen else ""),
                Content.styled(f"{'○' if entry.is_good else '■'} {entry.status:<17}", tone),
                cell(since, 15, "$muted"),
                f"{entry.chart}  ",
                Content.styled(entry.description, "$muted"),
            )
        )
    return lines


def _smoke(state: ConsoleState, width: int, _height: int) -> list[Content]:
    report = smoke_of(state)
    if report is None:
        return [
            Content.styled("s tries the verifier out: twelve requests, each with its status, time and body", "$muted")
        ]
    # What failed stands first: nobody should have to scroll for it.
    lines = []
    for check in sorted(report.checks, key=lambda check: check.ok):
        glyph, tone = ("○", "$gate-open") if check.ok else ("■", "$gate-closed")
        lines.append(
            row(
                Content.styled(f"{glyph} ", f"bold {tone}"),
                cell(check.request, 27),
                cell(str(check.status or NOTHING), 4, "" if check.ok else f"bold {tone}"),
                cell(latency(check.elapsed_s), 8, "$muted", right=True),
                "" if not check.ok else f"  {check.detail}",
            )
        )
        if not check.ok:
            told = textwrap.wrap(check.detail, max(20, width - 6))
            lines += [Content.styled(f"    {part}", tone) for part in told]
    return lines


def _canary(state: ConsoleState, width: int, _height: int) -> list[Content]:
    seen = canary_of(state)
    if seen is None:
        waits = (
            "looking for the first time …" if running(state, CANARY) else "w watches: no 5xx, no restart, p95, drift"
        )
        return [Content.styled(waits, "$muted")]
    share_done = min(1.0, seen.clean_s / seen.for_s)
    cells = max(1, min(40, width - 40))
    filled = round(share_done * cells)
    left = duration(max(0.0, seen.for_s - seen.clean_s))
    lines = [
        row(
            Content.styled("━" * filled, "$gate-hold" if not seen.final else "$gate-open"),
            Content.styled("─" * (cells - filled), "$line"),
            f" clean for {duration(seen.clean_s)} of {duration(seen.for_s)}, {left} to go",
        ),
        Content.styled(
            f"{'part':<8}{'verifiers':>10}{'requests':>10}{'5xx':>6}{'p95':>9}{'drift':>9}{'restarts':>10}", "$muted"
        ),
        *(_track(track) for track in seen.tracks),
    ]
    lines += [
        Content.styled(reason, "$gate-hold" if seen.answer == "hold" else "$gate-closed") for reason in seen.reasons
    ]
    lines += [Content.styled(f"autoscaler: {event}", "$muted") for event in seen.scaling[-3:]]
    known = "" if seen.replicas is None else f", verifiers that answer: {count(seen.replicas)}"
    return [*lines, Content.styled(f"seen by {seen.source}{known}", "$muted")]


def _track(track: TrackSeen) -> Content:
    drifted = share(track.drift / track.enforced) if track.enforced else NOTHING
    return row(
        f"{track.name:<8}{track.verifiers:>10}{count(track.requests):>10}",
        Content.styled(f"{count(track.errors_5xx):>6}", "bold $gate-closed" if track.errors_5xx else ""),
        f"{latency(track.p95_s):>9}{drifted:>9}",
        Content.styled(f"{track.restarts:>10}", "bold $gate-closed" if track.restarts else ""),
    )


def _load(state: ConsoleState, width: int, height: int) -> list[Content]:
    if run := running(state, LOAD):
        return _load_so_far(run, width, height)
    seen = load_of(state)
    if seen is None:
        return [
            Content.styled(
                "l puts a steady load on it: 20 requests a second for a minute, whatever it answers", "$muted"
            )
        ]
    numbers = "  ".join(f"{name} {latency(seen.latency_s[name])}" for name in ("p50", "p95", "p99", "max"))
    failed = f"{count(seen.failed)} of {count(seen.due)} failed"
    fewest, most = min(seen.replicas, default=0), max(seen.replicas, default=0)
    replicas = f"  replicas {fewest if fewest == most else f'{fewest} to {most}'}" if seen.replicas else ""
    limits = f"limits: p95 {latency(seen.limit_s)}, {share(seen.error_limit)} failed"
    lines = [Content(f"{numbers}  {failed}{replicas}"), Content.styled(limits, "$muted")]
    slowest = [slot.p95_s for slot in seen.course]
    sent = [slot.due / seen.slot_s for slot in seen.course]
    return [*lines, *_plots(slowest, sent, width, height - len(lines), seen.limit_s)]


def _load_so_far(run: Activity, width: int, height: int) -> list[Content]:
    slots = {figures["at_s"]: figures for told in run.told if (figures := dict(told.figures))}
    told = run.current
    words = told.message if told and told.message else "beginning"
    numbers = f"{count(told.done)} of {count(told.total or 0)} requests: {words}" if told else words
    course = [slots[at_s] for at_s in sorted(slots)]
    slowest = [figures.get("p95_s") for figures in course]
    sent = [figures["due"] for figures in course]
    return [Content.styled(numbers, "$gate-hold"), *_plots(slowest, sent, width, height - 1, None)]


def _plots(
    slowest: list[float | None], sent: list[float], width: int, height: int, limit: float | None
) -> list[Content]:
    """Latency above throughput, on one axis of time."""
    if not sent:
        return [Content.styled("the first second is not over", "$muted")]
    rows = max(1, min(TALL_PLOT, height - 2))
    top = max((value for value in slowest if value is not None), default=0.0)
    above = plot(slowest, width, rows, limit=limit, label=latency(top))
    below = plot(list(sent), width, 1, limit=None, label=f"{max(sent):.0f}/s", tone="$muted")
    named = Content.styled(f"{'':9}above: p95 of each second; below: requests a second", "$muted")
    return [*above, *below, named]


_DRAWN: Final[Mapping[str, Callable[[ConsoleState, int, int], list[Content]]]] = {
    "plan": _plan,
    "output": _output,
    "smoke": _smoke,
    "canary": _canary,
    "load": _load,
}
