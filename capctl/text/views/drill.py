"""How drills read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Facts, Gap, Line, Table, Tone
from capctl.text.views.words import count, moment, seconds
from engine.ops.results.backup import RestoreDrill, RotationDrill

STEPS: Final = {
    "backup": "made a backup",
    "open": "checked manifest and archive",
    "restore": "restored and read through",
    "start": "started the verifier",
    "compare": "compared every policy",
}


def restore(result: RestoreDrill) -> Iterator[Block]:
    """The answer first, then the two figures that it is done for."""
    report = result.report
    equal = f"{report.equal:,} of {report.policies:,} policies equal"
    if report.answer == "yes":
        yield Line(f"drill passed ✓ verifier ready, {equal}", Tone.GOOD)
    else:
        ready = "ready" if report.ready_status == 200 else f"not ready ({', '.join(report.ready_reasons)})"
        yield Line(f"DRILL FAILED ✗ verifier {ready}, {equal}", Tone.BAD)
        yield Table(["policy", "what differs"], [[found.policy_id, found.problem] for found in report.differences])
    yield Gap()
    source = "made for the drill" if report.is_fresh else "kept"
    yield Facts(
        [
            ("recovery time", seconds(report.rto_ms / 1000)),
            ("recovery point", f"{seconds(report.rpo_s)}, {count(report.records_since, 'record')} made since"),
            ("backup", f"{report.backup_id}, {source}, of {moment(report.backed_up_at)}"),
            ("signed by", result.signed_by),
        ]
    )
    yield Gap()
    yield Table(["step", "took"], [[STEPS[step.name], seconds(step.duration_ms / 1000)] for step in report.steps])


def rotation(result: RotationDrill) -> Iterator[Block]:
    """The answer first, then what callers saw and when the old key ended."""
    report, old = result.report, result.report.old_key
    verified = report.verified_old + report.verified_new
    if report.answer == "yes":
        yield Line(f"drill passed ✓ {verified:,} verifications, none failed; the old key ended on time", Tone.GOOD)
    else:
        ended = "the old key ended on time" if old.is_right else "the old key DID NOT END ON TIME"
        yield Line(f"DRILL FAILED ✗ {report.failed:,} of {verified + report.failed:,} failed; {ended}", Tone.BAD)
        yield Table(["what a caller met", "times"], [[problem, f"{times:,}"] for problem, times in report.problems])
    yield Gap()
    yield Facts(
        [
            ("old key", f"{report.old_kid}, {report.verified_old:,} results"),
            ("new key", f"{report.new_kid}, {report.verified_new:,} results"),
            ("old key ended", moment(report.ended_at)),
            ("tried before", f"{old.accepted_before:,} accepted, {old.refused_before:,} refused"),
            ("tried after", f"{old.accepted_after:,} accepted, {old.refused_after:,} refused"),
            ("signed by", result.signed_by),
        ]
    )
    yield Gap()
    yield Table(["step", "took"], [[step.name, seconds(step.duration_ms / 1000)] for step in report.steps])


VIEWS = {"drill.restore": restore, "drill.rotation": rotation}
