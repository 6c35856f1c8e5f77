"""How the SAP pilot reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Table, Tone
from capctl.text.views.words import NOTHING, count, moment, seconds, short, verdict
from engine.ops.results.pilot import (
    PilotSnapshot,
    PilotStatus,
    PulledContext,
    RotatedKey,
    RuleCount,
    SystemCheck,
    VerifiedContext,
    WrittenBack,
)


def checked(result: SystemCheck) -> Iterator[Block]:
    """What was found, and what would go wrong."""
    yield Line("ready ✓" if result.has_unique_key else "NOT READY ✗", Tone.GOOD if result.has_unique_key else Tone.BAD)
    yield Facts(
        [
            ("system", result.system),
            ("client", result.client or NOTHING),
            ("suppliers", NOTHING if result.suppliers is None else f"{result.suppliers:,}"),
            ("table", result.table),
        ]
    )
    if result.absent:
        yield _absent(result.absent)
    if not result.has_unique_key:
        yield Line(
            "The table's key is not run id and supplier: it cannot keep a row from being written twice.", Tone.BAD
        )


def pulled(result: PulledContext) -> Iterator[Block]:
    """How many suppliers came, and under which key."""
    yield Facts(
        [
            ("suppliers", f"{result.count:,}"),
            ("context", short(result.context_hash)),
            ("key id", result.key_id),
            *((f"{role.replace('_', ' ')} list", name) for role, name in result.lists.items()),
        ]
    )
    if result.absent:
        yield _absent(result.absent)


def _absent(names: Sequence[str]) -> Line:
    return Line(f"SAP has no {', '.join(names)}: rules that need them fail.", Tone.CAUTION)


def verified(result: VerifiedContext) -> Iterator[Block]:
    """The verdict of the whole, of the suppliers, and the rules behind them."""
    document = result.result
    yield Facts(
        [
            ("verdict", verdict(document["verdict"])),
            ("suppliers", _verdicts(result.verdicts)),
            ("policy", document["policy_id"]),
            ("manifest", short(document["manifest_hash"])),
            ("signed by", document["kid"]),
        ]
    )
    yield from _violations(result.violations)


def written(result: WrittenBack) -> Iterator[Block]:
    """The proof, or what would be written."""
    if result.planned is not None:
        yield from _planned(result)
        return
    yield Line(result.proof, Tone.GOOD)
    if not result.created:
        yield Line("Nothing was written: every row was there already.")
    yield Facts(
        [
            ("run id", result.run_id),
            ("rows sent now", f"{result.created:,}"),
            ("waits", f"{result.waits}, {seconds(result.waited_s)} in all" if result.waits else "none"),
            ("evidence", short(result.evidence_hash)),
        ]
    )


def status(result: PilotStatus) -> Iterator[Block]:
    """One run, then the others."""
    if result.run is None:
        yield Line("There was no pilot run yet. Start one with: capctl pilot run.")
        return
    yield from _run(result.run)
    if len(result.runs) > 1:
        yield Gap()
        yield Table(
            ["run", "started", "stage"], [[run.run_id, moment(run.started_at), run.stage] for run in result.runs]
        )


def rotated(result: RotatedKey) -> Iterator[Block]:
    """The secrets by id."""
    yield Facts([("key id", result.key_id), ("known", ", ".join(result.known))])


def _run(run: PilotSnapshot) -> Iterator[Block]:
    open_rows = {name: n for name, n in run.states.items() if n and name != "confirmed"}
    rows: list[tuple[str, Cell]] = [
        ("run id", run.run_id),
        ("started", moment(run.started_at)),
        ("stage", run.stage),
        ("confirmed", f"{run.confirmed:,} of {run.total:,}"),
        ("suppliers", _verdicts(run.verdicts)),
    ]
    if open_rows:
        rows.append(("open", ", ".join(f"{n:,} {name}" for name, n in open_rows.items())))
    if run.proven_at:
        rows.append(("proven", moment(run.proven_at)))
    yield Facts(rows)
    yield from _violations(run.violations)
    if run.faults:
        yield Gap()
        yield Table(["rows", "what SAP said"], [[f"{n:,}", fault] for fault, n in run.faults.items()])


def _planned(result: WrittenBack) -> Iterator[Block]:
    assert result.planned is not None
    changes = [row for row in result.planned if row.action != "none"]
    yield Line(f"{count(len(changes), 'row')} of {result.total:,} would be written under {result.run_id}", Tone.STRONG)
    if changes:
        yield Table(["status", "action", "supplier"], [[row.status, row.action, row.supplier] for row in changes])
        shared = {name: changes[0].content.get(name, "") for name in SHARED}
        if all(row.content.get(name) == value for row in changes for name, value in shared.items()):
            yield Gap()
            yield Facts(list(shared.items()))


def _violations(violations: Sequence[RuleCount]) -> Iterator[Block]:
    if violations:
        yield Gap()
        rows = [[f"{v.suppliers:,}", v.rule_id, v.reason.replace("_", " ")] for v in violations]
        yield Table(["suppliers", "rule", "reason"], rows)


def _verdicts(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name.upper()}" for name, n in verdicts.items())


SHARED: Final = ("ManifestHash", "PolicyHash", "IrHash", "ValidUntil", "VerifiedAt")
"""Properties that the rows of one result have in common."""

VIEWS = {
    "pilot.check": checked,
    "pilot.pull": pulled,
    "pilot.verify": verified,
    "pilot.writeback": written,
    "pilot.run": written,
    "pilot.status": status,
    "pilot.rotate": rotated,
}
