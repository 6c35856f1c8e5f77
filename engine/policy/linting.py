"""Lint: everything that is wrong with a policy, at once, with places and fixes."""

from __future__ import annotations

from typing import TypeVar

from engine.policy.checks import check_draft
from engine.policy.document import ActivationGroup, PolicyDocument
from engine.policy.draft import read_draft
from engine.policy.findings import Findings, LintReport
from engine.policy.ir import Predicate, Rule
from engine.policy.source import read_tree
from engine.policy.written import Draft

_T = TypeVar("_T")


def lint(data: bytes, *, file: str) -> LintReport:
    """Check a policy's source.

    Args:
        data: Unverified bytes: PolicyV2 YAML (JSON is YAML too).
        file: How findings name the file.

    Returns:
        The findings by position and, unless one of them makes it impossible, the document. Nothing about `data`
        raises.
    """
    findings = Findings(file)
    tree = read_tree(data, findings)
    document = None
    # A tree with a refused value in it holds something else than the author wrote: going on would report its echoes.
    if tree is not None and not findings.blocked():
        draft = read_draft(tree, findings)
        if draft is not None:
            check_draft(draft, findings)
            document = None if findings.blocked() else _document(draft)
    return LintReport(file, findings.sorted(), document)


def _document(draft: Draft) -> PolicyDocument:
    """The document of a draft in which every part could be read."""
    return PolicyDocument(
        policy_id=_present(draft.id).text,
        version=_present(draft.version).text,
        description=draft.description,
        legal_basis=draft.legal_basis,
        inputs={declared.name.text: declared.type for declared in draft.inputs},
        rules=tuple(
            Rule(
                id=_present(rule.id).text,
                op=_present(rule.op).text,
                lhs=_present(rule.lhs).ast,
                rhs=_present(rule.rhs).ast,
                severity=rule.severity,
            )
            for rule in draft.rules
        ),
        predicates=tuple(
            Predicate(_present(predicate.id).text, _present(predicate.expr).ast) for predicate in draft.predicates
        ),
        activations=tuple(
            ActivationGroup(tuple(word.text for word in group.when), tuple(word.text for word in group.rules))
            for group in draft.activations
        ),
        data=draft.data,
    )


def _present(part: _T | None) -> _T:
    assert part is not None, "a part that could not be read has been reported, and blocks"
    return part
