"""An IR to the one function that evaluates it.

The function is generated Python, compiled once per IR: in a prototype closures took a third longer, and walking the IR
three times as long (docs/performance.md). It judges a context twice in one pass, by every
rule (the baseline) and by the active ones (the adaptive plan), because both ask the same questions.

Whatever happens inside a rule, the rule answers: an exception that nobody foresaw is `evaluation_error`, and FAIL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NamedTuple, TypeAlias

from engine.decision import operators, reasons, shortcuts
from engine.decision.emit import Namespace, Scope, expression_runtime
from engine.decision.select import activating_predicates
from engine.decision.values import DateCache, Unevaluable, Unusable
from engine.decision.verdict import Outcome, Verdict, Violation
from engine.errors import InvalidInput
from engine.policy.ast import check_ast, variables
from engine.policy.ir import Ast, PolicyIR, Predicate, Rule

OPERATORS: Final[Mapping[str, Callable[[Any, Any], str | None]]] = {
    "eq": operators.eq,
    "range_min": operators.range_min,
    "range_max": operators.range_max,
    "threshold": operators.threshold,
}

SET_OPERATORS: Final[Mapping[str, Callable[[Any, operators.Collection], str | None]]] = {
    "non_membership": operators.non_membership,
    "non_intersection": operators.non_intersection,
    "in": operators.contained,
}
"""Operators whose right side is a list or a reference set."""

SEVERITIES: Final = {"warn": Verdict.WARN, "fail": Verdict.FAIL}

OK: Final = Outcome(Verdict.OK, (), True)

Context: TypeAlias = Mapping[str, Any]


class Finding(NamedTuple):
    """A rule that did not hold and what follows from it; made ahead for every rule and reason."""

    violation: Violation
    verdict: Verdict
    evaluated: bool
    alone: Outcome
    """What it amounts to when it is the only one."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """The generated functions of one IR. None of them raises, whatever the context."""

    evaluate: Callable[[Context, datetime], tuple[Outcome, Outcome]]
    """(context, at) -> the outcome of every rule, and that of the active ones."""
    predicates: Callable[[Context, datetime], tuple[bool | Unusable, ...]]
    """(context, at) -> every predicate's value, in the order of the IR."""
    offenders: Callable[[Context, datetime], dict[str, frozenset[str]]]
    """(context, at) -> for each rule that looks for supplier hashes in a set, those it found."""
    severities: Mapping[str, Verdict]
    """By rule id: the verdict when it does not hold."""
    source: str
    """What was generated, for reading."""

    def outcome_of(self, violations: Iterable[Violation]) -> Outcome:
        """What a part of an outcome's violations amounts to."""
        return outcome([_finding(v.rule_id, v.reason, self.severities.get(v.rule_id)) for v in violations])


def compile_ir(
    ir: PolicyIR, reference_sets: Mapping[str, frozenset[str]], order: Sequence[str], *, with_shortcuts: bool = True
) -> Evaluator:
    """Compile an IR.

    Args:
        ir: What to compile; it is checked again, though `read_ir` has done so.
        reference_sets: Members by root. Looked up in each evaluation.
        order: Every rule id once, in the order in which violations are listed.
        with_shortcuts: Leave out the shortcuts for a second, independent opinion.

    Raises:
        InvalidInput: The IR is malformed.
    """
    _check(ir, order)
    runtime = {**expression_runtime(DateCache(), reference_sets), **_rule_runtime(), **shortcuts.runtime()}
    namespace = Namespace(runtime)
    writer = _Writer(ir, order, namespace, with_shortcuts)
    source = "\n".join((*writer.evaluate(), *writer.predicates(), *writer.offenders(), ""))
    # The source holds no text from the policy: names are numbered, constants come by the namespace (emit.Namespace).
    exec(compile(source, f"<policy {ir.ir_hash}>", "exec"), namespace.names)  # noqa: S102
    names = namespace.names
    severities = {rule.id: SEVERITIES[rule.severity] for rule in ir.rules}
    return Evaluator(names["evaluate"], names["predicates"], names["offenders"], severities, source)


class _Writer:
    """Writes the functions of one IR."""

    def __init__(self, ir: PolicyIR, order: Sequence[str], namespace: Namespace, with_shortcuts: bool) -> None:
        rules = {rule.id: rule for rule in ir.rules}
        self._rules = [rules[id] for id in order]
        self._predicates = {p.id: p for p in ir.predicates}
        self._switches = activating_predicates(ir)
        self._namespace = namespace
        self._with_shortcuts = with_shortcuts

    def evaluate(self) -> list[str]:
        """Every rule and the active ones, in one pass."""
        switching = sorted({id for ids in self._switches.values() for id in ids})
        scope = Scope(self._namespace)
        locals_, body = self._predicate_values(switching, scope)
        body += ["every = []", "active = []"]
        for id in switching:
            known = self._namespace.add({reason: _finding(id, reason) for reason in reasons.UNEVALUATED})
            body.append(f"if type({locals_[id]}) is Unusable: active.append({known}[{locals_[id]}.reason])")
        for rule in self._rules:
            body += self._rule(rule, locals_, scope)
        body += [
            "if not every and not active: return BOTH_OK",
            "whole = outcome(every)",
            "return whole, whole if every == active else outcome(active)",
        ]
        return _function("evaluate", scope, body)

    def predicates(self) -> list[str]:
        """Every predicate's value."""
        scope = Scope(self._namespace)
        locals_, body = self._predicate_values(self._predicates, scope)
        body.append(f"return ({''.join(f'{locals_[id]}, ' for id in self._predicates)})")
        return _function("predicates", scope, body)

    def offenders(self) -> list[str]:
        """What the rules about single suppliers found; a rule that cannot be evaluated is left out."""
        scope = Scope(self._namespace)
        body = ["found = {}"]
        for rule in self._rules:
            if is_about_single_suppliers(rule):
                lhs, rhs = scope.expression(rule.lhs), scope.expression(rule.rhs)
                body += [
                    "try:",
                    f"    found[{self._namespace.add(rule.id)}] = common({lhs}, collection({rhs}, reference_sets))",
                    "except Exception:",
                    "    pass",
                ]
        body.append("return found")
        return _function("offenders", scope, body)

    def _predicate_values(self, ids: Iterable[str], scope: Scope) -> tuple[dict[str, str], list[str]]:
        """Statements that put the values of these predicates, and of those they name, into locals."""
        locals_: dict[str, str] = {}
        lines: list[str] = []
        scope.predicates = locals_
        for id in _dependencies_first(self._predicates, ids):
            expression = self._condition(self._predicates[id].expr, scope)
            locals_[id] = local = f"p{len(locals_)}"
            lines += [
                "try:",
                f"    {local} = {expression}",
                "except Unevaluable as why:",
                f"    {local} = Unusable(why.reason)",
                "except Exception:",
                f"    {local} = BROKEN",
            ]
        scope.predicates = {}
        return locals_, lines

    def _rule(self, rule: Rule, locals_: Mapping[str, str], scope: Scope) -> list[str]:
        """Statements that add a finding where the rule does not hold."""
        severity = SEVERITIES[rule.severity]
        findings = {reason: _finding(rule.id, reason, severity) for reason in reasons.VIOLATED | reasons.UNEVALUATED}
        known = self._namespace.add(findings)
        active = " or ".join(f"{locals_[id]} is not False" for id in self._switches.get(rule.id, ()))
        note = f"{'if ' + active + ': ' if active else ''}active.append(finding)"
        return [
            "try:",
            f"    reason = {self._question(rule, scope)}",
            "except Unevaluable as why:",
            "    reason = why.reason",
            "except Exception:",
            "    reason = EVALUATION_ERROR",
            "if reason is not None:",
            f"    finding = {known}[reason]",
            "    every.append(finding)",
            f"    {note}",
        ]

    def _condition(self, ast: Ast, scope: Scope) -> str:
        """The expression for a predicate's value."""
        careful = f"truth({scope.expression(ast)})"
        shortcut = shortcuts.condition(ast, scope) if self._with_shortcuts else None
        return careful if shortcut is None else shortcut.choose(careful)

    def _question(self, rule: Rule, scope: Scope) -> str:
        """The expression for the reason why a rule does not hold."""
        lhs, rhs = scope.expression(rule.lhs), scope.expression(rule.rhs)
        if rule.op in SET_OPERATORS:
            careful = f"{self._namespace.add(SET_OPERATORS[rule.op])}({lhs}, collection({rhs}, reference_sets))"
        else:
            careful = f"{self._namespace.add(OPERATORS[rule.op])}({lhs}, {rhs})"
        shortcut = shortcuts.holds(rule, scope) if self._with_shortcuts else None
        if shortcut is None:
            return careful
        broken = self._namespace.add(shortcuts.IF_BROKEN[rule.op])
        return shortcut._replace(source=f"(None if {shortcut.source} else {broken})").choose(careful)


def is_about_single_suppliers(rule: Rule) -> bool:
    """Whether a rule says of each supplier hash by itself that it is in no set."""
    return rule.op in ("non_membership", "non_intersection") and rule.lhs == {"var": "supplier_hashes"}


def outcome(found: list[Finding]) -> Outcome:
    """What findings amount to: the worst one's verdict."""
    if not found:
        return OK
    if len(found) == 1:
        return found[0].alone
    violations, verdicts, evaluated, _ = zip(*found, strict=True)
    return Outcome(max(verdicts), violations, all(evaluated))


def _rule_runtime() -> dict[str, Any]:
    return {
        "Exception": Exception,
        "Unevaluable": Unevaluable,
        "Unusable": Unusable,
        "BROKEN": Unusable(reasons.EVALUATION_ERROR),
        "EVALUATION_ERROR": reasons.EVALUATION_ERROR,
        "BOTH_OK": (OK, OK),
        "outcome": outcome,
        "collection": operators.collection,
        "common": operators.common,
    }


def _finding(id: str, reason: str, severity: Verdict | None = None) -> Finding:
    violation = Violation(id, reason)
    evaluated = severity is not None and reason in reasons.VIOLATED
    verdict = severity if severity is not None and evaluated else Verdict.FAIL
    return Finding(violation, verdict, evaluated, Outcome(verdict, (violation,), evaluated))


def _function(name: str, scope: Scope, body: Iterable[str]) -> list[str]:
    return [f"def {name}(context, now):", *(f"    {line}" for line in (*scope.prologue(), *body))]


def _dependencies_first(predicates: Mapping[str, Predicate], wanted: Iterable[str]) -> list[str]:
    needed: dict[str, list[str]] = {}
    pending = list(wanted)
    while pending:
        id = pending.pop()
        if id not in needed:
            needed[id] = sorted(variables(predicates[id].expr) & predicates.keys())
            pending += needed[id]
    return list(TopologicalSorter({id: needed[id] for id in sorted(needed)}).static_order())


def _check(ir: PolicyIR, order: Sequence[str]) -> None:
    if sorted(order) != [rule.id for rule in ir.rules]:
        raise _malformed(ir, "its rules are not sorted by id, each once")
    if len({p.id for p in ir.predicates}) != len(ir.predicates):
        raise _malformed(ir, "a predicate id stands twice")
    for rule in ir.rules:
        if rule.op not in OPERATORS.keys() | SET_OPERATORS.keys() or rule.severity not in SEVERITIES:
            raise _malformed(ir, f"rule {rule.id} has an unknown operator or severity")
        check_ast(rule.lhs)
        check_ast(rule.rhs)
    for predicate in ir.predicates:
        check_ast(predicate.expr)
    try:
        _dependencies_first({p.id: p for p in ir.predicates}, [p.id for p in ir.predicates])
    except CycleError:
        raise _malformed(ir, "its predicates refer to each other in a circle") from None


def _malformed(ir: PolicyIR, what: str) -> InvalidInput:
    return InvalidInput(
        "decision.bad_ir",
        f"The IR of {ir.policy_id} cannot be evaluated: {what}",
        "Compile the policy again with capctl policy compile.",
    )
