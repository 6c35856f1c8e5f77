"""How the deploy commands read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Raw, Table, Tone, Toned
from capctl.text.views.words import NOTHING, count, moment, seconds, short
from engine.cutover.target import Deployed, Difference, Health, Phase, ReleaseDiff, ReleaseStatus, Resource
from engine.ops.results.deploy import DeployPlan, DiffShown, StatusShown

HEALTH: Final = {
    Health.READY: Toned("ready ✓", Tone.GOOD),
    Health.WAITING: Toned("waiting …", Tone.CAUTION),
    Health.DEGRADED: Toned("DEGRADED !", Tone.CAUTION),
    Health.FAILED: Toned("FAILED ✗", Tone.BAD),
}
PHASE_TONES: Final = {
    Phase.ABSENT: Tone.FAINT,
    Phase.DEPLOYED: Tone.GOOD,
    Phase.FAILED: Tone.BAD,
    Phase.RUNNING: Tone.CAUTION,
    Phase.INTERRUPTED: Tone.BAD,
}
SHOWN_REVISIONS: Final = 8


def plan(result: DeployPlan) -> Iterator[Block]:
    """The commands first, as they will be run; then what they change, and how to hold them to it."""
    yield Line(f"Environment {result.env}: these will be run:", Tone.STRONG)
    for command in result.commands:
        yield Raw(f"  {command.line}")
    yield Gap()
    yield from _diff(result.diff)
    yield Gap()
    yield Line(f"{result.status.place}: {result.status.explanation}", PHASE_TONES[result.status.phase])
    for remark in result.remarks:
        yield Line(remark, Tone.FAINT)
    yield Line(f"Made for revision {result.status.revision}: apply it with --if-revision {result.status.revision}.")


def diff(result: DiffShown) -> Iterator[Block]:
    """What would change."""
    yield from _diff(result.diff)


def status(result: StatusShown | ReleaseStatus) -> Iterator[Block]:
    """Where it stands and what to do, before the details."""
    found = result.status if isinstance(result, StatusShown) else result
    yield Line(f"{found.phase.value.upper()}  {found.explanation}", PHASE_TONES[found.phase])
    if found.way_out:
        yield Line(f"next: {found.way_out}", Tone.STRONG)
    yield Facts([("release", f"{found.release} in {found.place}"), ("at", moment(found.at)), *_images(found)])
    if found.resources:
        yield Gap()
        yield Table(["kind", "name", "ready", "state", "cause"], [_resource(item) for item in found.resources])
    if found.history:
        yield Gap()
        rows: list[list[Cell]] = [
            [str(item.number), item.status, moment(item.at), item.chart, item.description or NOTHING]
            for item in found.history[:SHOWN_REVISIONS]
        ]
        yield Table(["revision", "status", "at", "chart", "description"], rows)


def apply(result: Deployed | DeployPlan) -> Iterator[Block]:
    """What came of it; in a rehearsal, what would."""
    if isinstance(result, DeployPlan):
        yield from plan(result)
        return
    yield from _changed(result)


def rollback(result: Deployed | StatusShown) -> Iterator[Block]:
    """What came of it; in a rehearsal, where the release stands."""
    if isinstance(result, StatusShown):
        yield from status(result)
        return
    yield from _changed(result)


def _changed(result: Deployed) -> Iterator[Block]:
    verb = "Deployed" if result.action == "apply" else "Went back"
    how = ", going on with what was interrupted" if result.resumed else ""
    what = f"revision {result.revision} (before: {result.from_revision or 'none'}) in {seconds(result.took_s)}"
    yield Line(f"{verb}: {what}{how}", Tone.GOOD if result.answer == "yes" else Tone.CAUTION)
    yield Gap()
    yield from status(result.status)


def _diff(found: ReleaseDiff) -> Iterator[Block]:
    yield Facts(
        [
            ("chart", f"{found.chart} {short(found.chart_digest)}"),
            ("images", ", ".join(found.images) or NOTHING),
            ("changes", count(len(found.differences), "difference")),
        ]
    )
    if found.differences:
        yield Gap()
        yield Table(["object", "what", "change"], [_difference(item) for item in found.differences])


def _difference(item: Difference) -> list[Cell]:
    if not item.path:
        return [item.resource, "all of it", "new" if item.before is None else "REMOVED"]
    before, after = item.before or NOTHING, item.after or NOTHING
    return [item.resource, item.path, f"{before} → {after}"]


def _resource(item: Resource) -> list[Cell]:
    return [item.kind, item.name, f"{item.ready}/{item.desired}", HEALTH[item.health], item.cause or NOTHING]


def _images(found: ReleaseStatus) -> list[tuple[str, Cell]]:
    return [("images", ", ".join(found.images))] if found.images else []


VIEWS = {
    "deploy.plan": plan,
    "deploy.apply": apply,
    "deploy.diff": diff,
    "deploy.status": status,
    "deploy.rollback": rollback,
}
