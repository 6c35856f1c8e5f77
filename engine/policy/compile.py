"""A policy document to its IR."""

from __future__ import annotations

from collections import defaultdict

from engine.ids import hash_json
from engine.policy.document import PolicyDocument
from engine.policy.ir import Activation, PolicyIR


def compile_policy(document: PolicyDocument) -> PolicyIR:
    """Compile a policy: the same document gives the same bytes, in whatever order its author wrote it.

    Rules and predicates are sorted by id. An activation whose `when` names several predicates means any of them, so
    each predicate gets its rules; activations of one predicate become one.
    """
    switched_on: defaultdict[str, set[str]] = defaultdict(set)
    for group in document.activations:
        for predicate_id in group.when:
            switched_on[predicate_id].update(group.rules)
    return PolicyIR(
        policy_id=document.policy_id,
        policy_hash=hash_json(document.data),
        rules=tuple(sorted(document.rules, key=lambda rule: rule.id)),
        predicates=tuple(sorted(document.predicates, key=lambda predicate: predicate.id)),
        activations=tuple(Activation(when, tuple(sorted(rules))) for when, rules in sorted(switched_on.items())),
    )
