"""How the policy commands read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Raw, Table, Tone, Toned
from capctl.text.views.words import NOTHING, count, moment, short
from engine.ops.results.policy import CompiledPolicy, LintResult, PolicyChanges, PolicyList, PublishResult, ShownPolicy
from engine.policy.findings import Finding
from engine.policy.formatting import format_expression
from engine.policy.ir import PolicyIR


def lint_result(result: LintResult) -> Iterator[Block]:
    """Findings as compilers write them, so that editors can jump to them, then a summary a file."""
    for report in result.reports:
        yield from _findings(report.findings)
    for report in result.reports:
        errors, warnings = len(report.errors), len(report.warnings)
        if errors or warnings:
            yield Line(f"{report.file}: {count(errors, 'error')}, {count(warnings, 'warning')}", Tone.STRONG)
        else:
            yield Line(f"{report.file}: ok", Tone.GOOD)


def compiled(result: CompiledPolicy) -> Iterator[Block]:
    """The hashes, and what was found."""
    yield from _findings(result.report.findings)
    yield from _hashes(result.ir)


def published(result: PublishResult) -> Iterator[Block]:
    """What stands published now."""
    yield from _findings(result.warnings)
    policy = result.policy
    yield Facts(
        [
            ("id", policy.policy_id),
            *_whole(policy.policy_hash, policy.ir_hash),
            ("at", moment(policy.published_at)),
        ]
    )


def shown(result: ShownPolicy) -> Iterator[Block]:
    """The rules as people write them, or the YAML."""
    if result.source is not None:
        yield from (Raw(line) for line in result.source.decode("utf-8", "replace").splitlines())
        return
    ir = result.ir
    yield from _hashes(ir)
    yield Gap()
    adaptive = {rule for activation in ir.activations for rule in activation.rules}
    rows: list[Sequence[Cell]] = [
        [
            rule.id,
            Toned(rule.severity.upper(), Tone.BAD if rule.severity == "fail" else Tone.CAUTION),
            "adaptive" if rule.id in adaptive else "always",
            f"{format_expression(rule.lhs)} {rule.op} {format_expression(rule.rhs)}",
        ]
        for rule in ir.rules
    ]
    yield Table(["rule", "else", "active", "must hold"], rows)
    if ir.predicates:
        switches = {activation.when: ", ".join(activation.rules) for activation in ir.activations}
        yield Gap()
        yield Table(
            ["predicate", "holds when", "switches on"],
            [[p.id, format_expression(p.expr), switches.get(p.id, NOTHING)] for p in ir.predicates],
        )


def listed(result: PolicyList) -> Iterator[Block]:
    """One policy a row."""
    rows = [
        [p.policy_id, short(p.ir_hash), moment(p.published_at) if p.published_at else "shipped, not published"]
        for p in result.policies
    ]
    yield Table(["policy", "IR hash", "published"], rows)


def changes(result: PolicyChanges) -> Iterator[Block]:
    """One difference a row."""
    before, after = result.before, result.after
    yield Facts(
        [
            ("before", f"{before.policy_id}  {short(before.ir_hash)}"),
            ("after", f"{after.policy_id}  {short(after.ir_hash)}"),
        ]
    )
    yield Gap()
    if result.diff.same:
        yield Line("No difference in rules, predicates or activations.")
        return
    for change in result.diff.changes:
        what = f"{change.kind} {change.id}"
        yield Line(f"{change.change:<8} {what}" + (f": {change.field}" if change.field else ""), Tone.STRONG)
        if change.field:
            yield Facts([("  -", change.before or NOTHING), ("  +", change.after or NOTHING)])


def _findings(findings: Sequence[Finding]) -> Iterator[Block]:
    for finding in findings:
        yield Line(str(finding), Tone.BAD if finding.severity == "error" else Tone.CAUTION)
        yield Line(f"  fix: {finding.fix}")


def _hashes(ir: PolicyIR) -> Iterator[Block]:
    yield Facts([("id", ir.policy_id), *_whole(ir.policy_hash, ir.ir_hash)])


def _whole(policy_hash: str, ir_hash: str) -> list[tuple[str, str]]:
    """Both hashes in full, under labels so short that 80 columns suffice."""
    return [("hash", policy_hash), ("IR", ir_hash)]


VIEWS = {
    "policy.lint": lint_result,
    "policy.compile": compiled,
    "policy.publish": published,
    "policy.show": shown,
    "policy.list": listed,
    "policy.diff": changes,
}
