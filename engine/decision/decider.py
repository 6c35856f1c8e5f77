"""decide(): the verdict pair of a request (semantics.md, decide()).

1. `shadow` is the verdict of the baseline: every rule of the published IR, without effect.
2. `candidate` is the verdict of the adaptive plan, of the published IR or of a candidate version.
3. `applied`: enforcing, and the request's bucket lies under the rollout's basis points.
4. `enforced` is `candidate` where applied, else `shadow`.
5. `drift` is how `enforced` differs from `shadow`; so at 0 % there is none, by construction. On a request that was not
   applied, `preview` is how `candidate` would have differed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from engine.decision.bucketing import BUCKET_VERSION, bucketing
from engine.decision.compile import Evaluator, compile_ir
from engine.decision.context import context_hash
from engine.decision.drifting import direction
from engine.decision.plan import Plan, PlanHashes, make_plan
from engine.decision.select import Selector, check_weights, order_rules, parse_selector
from engine.decision.suppliers import supplier_outcomes
from engine.decision.values import Unusable
from engine.decision.verdict import Decision, Drift, Outcome
from engine.policy.ir import PolicyIR

_NO_DRIFT: Final = Drift.NONE
"""Attributes of an enumeration are slow to reach, and this one is reached three times a request."""

_new: Final = tuple.__new__
"""Makes a `Decision` in half the time of its own constructor, which is a Python function around this."""

NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


class Decider:
    """Decides requests under one policy, an optional candidate and the lists as they are.

    Everything is compiled once; for a change, make a new one. Contexts given to its methods have passed
    `check_context`, and nothing raises for what they hold: what cannot be evaluated is FAIL. Safe to use from several
    threads.

    Args:
        ir: The published policy: the baseline.
        reference_sets: Members by root. A snapshot is taken of the mapping.
        candidate: The version under rollout; None for the published IR's own adaptive plan.
        salt: Key of the bucketing, from the rollout's state.
        bucket_version: Algorithm of the bucketing, from the rollout's state.
        selector: How plans are ordered, see `Selector`.
        weights: Costs by rule id, for the selector `weighted`.

    Raises:
        InvalidInput: An IR is malformed, the selector unknown, or the weights do not fit the rules.
    """

    def __init__(
        self,
        ir: PolicyIR,
        reference_sets: Mapping[str, frozenset[str]],
        *,
        salt: bytes,
        candidate: PolicyIR | None = None,
        bucket_version: int = BUCKET_VERSION,
        selector: str = Selector.BASIC,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.ir = ir
        self.candidate_ir = candidate or ir
        self._sets = dict(reference_sets)
        self._selector = parse_selector(selector)
        self._weights = NO_WEIGHTS if weights is None else dict(weights)
        check_weights(self._weights, frozenset(rule.id for rule in (*ir.rules, *self.candidate_ir.rules)))
        self._order = order_rules(ir, self._selector, self._weights)
        self._baseline = compile_ir(ir, self._sets, self._order)
        self._candidate_order = order_rules(self.candidate_ir, self._selector, self._weights)
        self._candidate = (
            compile_ir(candidate, self._sets, self._candidate_order) if candidate is not None else self._baseline
        )
        # Read once: each of these is a look-up for every request otherwise.
        self._policy_id = ir.policy_id
        self._evaluate = self._baseline.evaluate
        self._evaluate_candidate = self._candidate.evaluate if candidate is not None else None
        self._plan_hashes = PlanHashes(self._plan_of)
        self._bucket_of = bucketing(salt, ir.policy_id, version=bucket_version)

    def decide(
        self, context: Mapping[str, Any], *, at: datetime, enforce: bool, basis_points: int, unit: str | None = None
    ) -> Decision:
        """Decide a request.

        Args:
            context: What to judge.
            at: The evaluation time, aware, in UTC.
            enforce: Whether the rollout may take requests at all.
            basis_points: The share it takes, 0..10000.
            unit: What the bucket is drawn from; the context's hash when None.
        """
        shadow, candidate = self._evaluate(context, at)
        if self._evaluate_candidate is not None:
            candidate = self._evaluate_candidate(context, at)[1]
        bucket = self._bucket_of(context_hash(context) if unit is None else unit)
        drift = _NO_DRIFT if shadow is candidate else direction(shadow, candidate)
        if enforce and bucket < basis_points:
            return _new(Decision, (self._policy_id, shadow, candidate, candidate, True, bucket, drift, _NO_DRIFT))
        return _new(Decision, (self._policy_id, shadow, candidate, shadow, False, bucket, _NO_DRIFT, drift))

    def plan(self, context: Mapping[str, Any], at: datetime) -> Plan:
        """The adaptive plan for a context: the candidate's, where there is one."""
        return self._plan_of(self._candidate.predicates(context, at), at)

    def plan_hash(self, context: Mapping[str, Any], at: datetime) -> str:
        """The hash of `plan(context, at)`, without making the plan."""
        return self._plan_hashes.hash(self._candidate.predicates(context, at), at)

    def _plan_of(self, values: Sequence[bool | Unusable], at: datetime) -> Plan:
        return make_plan(
            self.candidate_ir,
            values,
            selector=self._selector,
            weights=self._weights,
            order=self._candidate_order,
            at=at,
        )

    def supplier_verdicts(
        self, context: Mapping[str, Any], at: datetime, *, applied: bool, whole: Outcome | None = None
    ) -> dict[str, Outcome]:
        """The outcome for each supplier hash, in the order of the context.

        Per-supplier records are judged one by one, each over the fields that all share. Aggregate lists do not say what
        belongs to whom, so there every supplier shares the outcome of the whole, except in rules that look for the
        supplier hashes themselves in a set: those are narrowed to the one supplier. (A rule that could not be
        evaluated counts for every supplier.)

        Args:
            context: What was judged.
            at: The evaluation time of the decision.
            applied: Judge by the adaptive plan, as the decision did where the rollout took it; else by the baseline.
            whole: The decision's enforced outcome, where one was made: it need not be found again.
        """
        evaluator = self._candidate if applied else self._baseline
        return supplier_outcomes(evaluator, context, at, active=applied, whole=whole)

    def self_agrees(self, context: Mapping[str, Any], at: datetime, *, again_at: datetime | None = None) -> bool:
        """Evaluate the baseline a second time, independently, and say whether the verdict is the same.

        What differs from itself is noise, not drift. The second opinion is compiled without shortcuts and shares no
        cache with the first.

        Args:
            context: What was judged.
            at: The evaluation time of the decision.
            again_at: A later reading of the clock, so that what hangs on the very moment shows; `at` when None.
        """
        first, _ = self._baseline.evaluate(context, at)
        second, _ = self._second_opinion.evaluate(context, again_at or at)
        return first.verdict == second.verdict

    @cached_property
    def _second_opinion(self) -> Evaluator:
        return compile_ir(self.ir, self._sets, self._order, with_shortcuts=False)
