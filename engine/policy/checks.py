"""The checks of lint that need the whole policy: names that resolve, types that fit, conditions that can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from engine.ids import hash_json
from engine.policy.ast import variables, walk
from engine.policy.cycles import find_cycle
from engine.policy.findings import Findings, Position
from engine.policy.ir import Ast
from engine.policy.operators import OPERATORS
from engine.policy.satisfiability import can_hold
from engine.policy.types import ANY, BOOL, NAMED_INPUTS, Type, infer
from engine.policy.written import Draft, Word, WrittenExpression, WrittenRule


def check_draft(draft: Draft, findings: Findings) -> None:
    """Report everything that is wrong with how the parts of a policy fit together."""
    _check_head(draft, findings)
    _check_ids(draft, findings)
    _check_inputs(draft, findings)
    _check_activations(draft, findings)
    _check_rules(draft, findings)
    _check_predicates(draft, findings)


class _Scope(NamedTuple):
    """The names an expression may use."""

    types: Mapping[str, Type]
    predicates: frozenset[str]
    """Names of predicates, which only predicates may use; to tell the author so."""


def _scope(draft: Draft, *, in_predicate: bool) -> _Scope:
    predicates = _predicate_names(draft)
    visible = dict.fromkeys(predicates, BOOL) if in_predicate else {}
    return _Scope({**visible, **_inputs(draft)}, predicates)


def _inputs(draft: Draft) -> dict[str, Type]:
    return {declared.name.text: declared.type for declared in draft.inputs}


def _predicate_names(draft: Draft) -> frozenset[str]:
    return frozenset(predicate.id.text for predicate in draft.predicates if predicate.id)


def _predicates(draft: Draft) -> dict[str, WrittenExpression]:
    return {p.id.text: p.expr for p in reversed(draft.predicates) if p.id and p.expr}


def _check_head(draft: Draft, findings: Findings) -> None:
    if not draft.legal_basis:
        findings.add("E1002", "The policy names no legal basis", draft.at)
    if not draft.description:
        findings.add("W1002", "The policy has no description", draft.at)
    if not draft.rules:
        findings.add("E1013", "The policy has no rules", draft.at)


def _check_ids(draft: Draft, findings: Findings) -> None:
    _check_unique("E1003", "rule", (rule.id for rule in draft.rules), findings)
    _check_unique("E1008", "predicate", (predicate.id for predicate in draft.predicates), findings)
    contents: dict[str, str] = {}
    for rule in draft.rules:
        if rule.id and rule.op and rule.lhs and rule.rhs:
            content = hash_json([rule.op.text, rule.lhs.ast, rule.rhs.ast])
            first = contents.setdefault(content, rule.id.text)
            if first != rule.id.text:
                findings.add("W1006", f"Rule {rule.id.text!r} demands the same as {first!r}", rule.id.at)
        if rule.id and not rule.described:
            findings.add("W1009", f"Rule {rule.id.text!r} has no description", rule.id.at)


def _check_unique(code: str, what: str, ids: Iterable[Word | None], findings: Findings) -> None:
    first: dict[str, Position] = {}
    for word in ids:
        if word and first.setdefault(word.text, word.at) != word.at:
            line = first[word.text].line
            findings.add(code, f"There is a {what} {word.text!r} in line {line} already", word.at)


def _check_inputs(draft: Draft, findings: Findings) -> None:
    sides = (side for rule in draft.rules for side in (rule.lhs, rule.rhs))
    used = _names_in(chain(sides, (predicate.expr for predicate in draft.predicates)))
    for declared in draft.inputs:
        name, kind = declared.name.text, declared.type
        if name not in used:
            findings.add("W1003", f"No rule or predicate uses the input {name!r}", declared.name.at)
        expected = NAMED_INPUTS.get(name, kind)
        if ANY not in (kind, kind.items) and kind != expected:
            findings.add(
                "E1017",
                f"In every context {name!r} is a {expected}, not a {kind}",
                declared.name.at,
                f"Declare it as {_declaration(expected)}.",
            )


def _names_in(expressions: Iterable[WrittenExpression | None]) -> frozenset[str]:
    return frozenset[str]().union(*(variables(expression.ast) for expression in expressions if expression))


def _declaration(kind: Type) -> str:
    return f"{{ type: list, items: {kind.items} }}" if kind.items else f"{{ type: {kind} }}"


def _check_activations(draft: Draft, findings: Findings) -> None:
    rules = {rule.id.text for rule in draft.rules if rule.id}
    predicates = _predicate_names(draft)
    lines: dict[str, int] = {}
    for group in draft.activations:
        for word in group.rules:
            if word.text not in rules:
                _add_unknown("E1001", f"There is no rule {word.text[:64]!r}", word, rules, findings)
        for word in group.when:
            if word.text not in predicates:
                _add_unknown("E1007", f"There is no predicate {word.text[:64]!r}", word, predicates, findings)
        for words in (group.rules, group.when):
            _check_repeated(words, findings)
        _check_scattered(group.when, lines, findings)
    used = lines.keys() | _names_in(predicate.expr for predicate in draft.predicates)
    for predicate in draft.predicates:
        if predicate.id and predicate.id.text not in used:
            findings.add("W1007", f"Predicate {predicate.id.text!r} activates nothing", predicate.id.at)


def _add_unknown(code: str, message: str, word: Word, known: Iterable[str], findings: Findings) -> None:
    meant = findings.meant(word.text, known)
    findings.add(code, message, word.at, f"Did you mean `{meant}`?" if meant else "")


def _check_repeated(words: tuple[Word, ...], findings: Findings) -> None:
    seen: set[str] = set()
    for word in words:
        if word.text in seen:
            findings.add("W1005", f"{word.text[:64]!r} is named twice here", word.at)
        seen.add(word.text)


def _check_scattered(when: tuple[Word, ...], lines: dict[str, int], findings: Findings) -> None:
    # One predicate in two groups is how an author says "this rule, for any of these": only a lone `when` can be merged.
    for word in when:
        if word.text in lines and len(when) == 1:
            findings.add("W1004", f"{word.text[:64]!r} is activated in line {lines[word.text]} already", word.at)
    lines.update({word.text: word.at.line for word in when})


def _check_rules(draft: Draft, findings: Findings) -> None:
    scope = _scope(draft, in_predicate=False)
    for rule in draft.rules:
        for expression in (rule.lhs, rule.rhs):
            if expression:
                _check_names(expression, scope, findings)
        _check_operands(rule, scope, findings)


def _check_operands(rule: WrittenRule, scope: _Scope, findings: Findings) -> None:
    kinds = [_infer(expression, scope, findings) if expression else ANY for expression in (rule.lhs, rule.rhs)]
    if rule.op and rule.lhs and rule.rhs:
        code, misfit = OPERATORS[rule.op.text]
        problem = misfit(*kinds)
        if problem:
            findings.add(code, problem, rule.op.at)


def _infer(expression: WrittenExpression, scope: _Scope, findings: Findings) -> Type:
    def report(node: Ast, message: str) -> None:
        findings.add("E3004", message, expression.place(node))

    return infer(expression.ast, scope.types, report)


def _check_names(expression: WrittenExpression, scope: _Scope, findings: Findings) -> None:
    known = scope.types
    for node in walk(expression.ast):
        name = node.get("var")
        if name is not None and name not in known:
            findings.add(
                "E2003", f"There is no input {name!r}", expression.place(node), _meant_by(name, scope, findings)
            )


def _meant_by(name: str, scope: _Scope, findings: Findings) -> str:
    if name in scope.predicates:
        return "It is a predicate: predicates stand in predicates and in `when`, not in rules."
    if name in NAMED_INPUTS:
        return f"Declare it under `inputs`: {name}: {_declaration(NAMED_INPUTS[name])}"
    meant = findings.meant(name, (*scope.types, "true", "false"))
    return f"Did you mean `{meant}`?" if meant else f'Declare it under `inputs`, or quote it if it is text: "{name}".'


def _check_predicates(draft: Draft, findings: Findings) -> None:
    inputs = _inputs(draft)
    written = _predicates(draft)
    scope = _scope(draft, in_predicate=True)
    for predicate in draft.predicates:
        if predicate.id and predicate.id.text in inputs:
            findings.add("E1006", f"{predicate.id.text!r} is an input as well", predicate.id.at)
        if predicate.expr:
            _check_names(predicate.expr, scope, findings)
            kind = _infer(predicate.expr, scope, findings)
            if kind not in (BOOL, ANY):
                findings.add("E3008", f"A predicate is a condition, and this is a {kind}", predicate.expr.at)
    expressions = {name: expression.ast for name, expression in written.items()}
    cycle = find_cycle(expressions)
    if cycle:
        first = next(p.id for p in draft.predicates if p.id and p.id.text == cycle[0])
        findings.add("E1004", f"These refer to each other: {' -> '.join((*cycle, cycle[0]))}", first.at)
    else:
        _check_conditions(written, expressions, findings)


def _check_conditions(
    written: Mapping[str, WrittenExpression], expressions: Mapping[str, Ast], findings: Findings
) -> None:
    impossible = {name for name, ast in expressions.items() if not can_hold(ast, expressions)}
    # A condition that fails only because another one can never hold is not wrong itself.
    possible = {name: ast for name, ast in expressions.items() if name not in impossible}
    for name, expression in written.items():
        if name in impossible:
            if not can_hold(expression.ast, possible):
                findings.add("E1005", f"Predicate {name!r} can never hold", expression.at)
        elif not can_hold({"not": expression.ast}, possible):
            findings.add("W1008", f"Predicate {name!r} always holds", expression.at)
