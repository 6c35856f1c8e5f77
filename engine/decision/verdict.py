"""The words of a decision: verdicts, violations, outcomes, drift.

These are the types every other room sees. They are tuples, because a verifier makes thousands of them a second.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Verdict(IntEnum):
    """How a set of rules judged a context. Ordered: the worst active rule wins."""

    OK = 0
    WARN = 1
    FAIL = 2

    @property
    def label(self) -> str:
        """The spelling in JSON: `ok`, `warn`, `fail`."""
        return self.name.lower()


class Violation(NamedTuple):
    """A rule that did not hold, and why."""

    rule_id: str
    reason: str
    """A stable reason code (`member_found`, `missing_input`), never exception text or a value from the context."""


class Outcome(NamedTuple):
    """What a set of rules says of one context."""

    verdict: Verdict
    violations: tuple[Violation, ...]
    """In the order of the plan."""
    evaluated: bool
    """False when a rule could not be evaluated. The verdict is then FAIL, but nobody knows what it would have been."""


class Drift(StrEnum):
    """In which direction two verdicts differ."""

    NONE = "none"
    OVER_BLOCK = "over_block"
    """Stricter than the baseline: business stops."""
    UNDER_BLOCK = "under_block"
    """Laxer than the baseline: a risk passes."""
    UNKNOWN = "unknown"
    """They differ, and one side could not be evaluated."""


class Decision(NamedTuple):
    """The verdict pair of one request, with what telemetry needs (semantics.md, decide())."""

    policy_id: str
    shadow: Outcome
    """The baseline: every rule of the published IR, without effect."""
    candidate: Outcome
    """The adaptive plan, of the published IR or of a named candidate version."""
    enforced: Outcome
    """What counts: `candidate` where applied, else `shadow`."""
    applied: bool
    """Whether the rollout took this request."""
    bucket: int
    """Where the request fell, 0 <= bucket < 10000; applied when enforcing and bucket < basis points."""
    drift: Drift
    """shadow against enforced."""
    preview: Drift
    """shadow against candidate on a request that was not applied; NONE on one that was."""

    def explain(self) -> tuple[Violation, ...]:
        """The violations that stand on one side only: the rules that explain a drift or a preview."""
        return tuple(sorted(set(self.shadow.violations) ^ set(self.candidate.violations)))
