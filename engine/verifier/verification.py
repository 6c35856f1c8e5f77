"""One verification: an unverified request document becomes a decision and its result document. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from engine.canonical import canonical_json
from engine.clock import from_rfc3339
from engine.decision.context import Context, check_context, context_hash
from engine.decision.decider import Decider
from engine.decision.options import Options
from engine.decision.result import verification_result
from engine.decision.verdict import Decision
from engine.errors import InvalidInput, NotFound, Unavailable
from engine.policies.demonstration import demo_context
from engine.policy.reading import read_ir
from engine.verifier.serving import ServedPolicy, Serving

MOCK = "mock"
MEMBERS: Final = frozenset({"policy_id", "ir", "context", "backend", "options"})
INLINE_OPTIONS: Final = frozenset({"enforce", "rollout_percent", "drift_max_ratio", "at"})
MAX_INLINE_IR_BYTES: Final = 64 * 1024
"""An inline IR is compiled for one request while others wait; what is larger is published first."""


class Verification(NamedTuple):
    """What came of one request."""

    decision: Decision
    describe: partial[dict[str, Any]]
    """Makes the result document; `written=True` makes it for signing, see `verification_result`."""
    evidence_for: ServedPolicy | None
    """Whose evidence the decision is; None for what says nothing about real traffic: an IR that came with the request,
    the demonstration context."""
    context: Context
    at: datetime

    @property
    def result(self) -> dict[str, Any]:
        """The result document, as data."""
        return self.describe()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """How a request is decided."""

    decider: Decider
    served: ServedPolicy | None
    enforce: bool
    basis_points: int
    at: datetime


def verify(document: Mapping[str, Any], serving: Serving | None, now: datetime) -> Verification:
    """Decide one request.

    A published policy is decided as its rollout says, at this moment; callers cannot choose. An IR that comes with the
    request is under no rollout, so there `options` say how.

    Args:
        document: The request: `policy_id` or `ir`, `context`, `backend`, `options`. Unverified.
        serving: What is served; None when the store was never read.
        now: The wall time.

    Raises:
        InvalidInput: The request is malformed, or its backend is not available.
        NotFound: The policy is not published.
        Unavailable: Nothing is served yet.
    """
    unknown = document.keys() - MEMBERS
    if unknown:
        raise _malformed(f"has an unknown member {min(unknown)[:40]!r}", f"Known: {', '.join(sorted(MEMBERS))}.")
    if document.get("backend", MOCK) != MOCK:
        raise InvalidInput("verify.backend_unavailable", "That backend is not available here", "Use backend: mock.")
    if serving is None:
        raise Unavailable(
            "verifier.not_ready", "The verifier knows no policies yet", "Retry; see /readyz for the cause."
        )
    chosen = _choose(document, serving, now)
    context, is_demo = _context(document.get("context"), chosen.at)
    unit = context_hash(context)
    decision = chosen.decider.decide(
        context, at=chosen.at, enforce=chosen.enforce, basis_points=chosen.basis_points, unit=unit
    )
    description = _description(decision, chosen, context, unit)
    return Verification(decision, description, None if is_demo else chosen.served, context, chosen.at)


def _description(decision: Decision, chosen: _Chosen, context: Context, unit: str) -> partial[dict[str, Any]]:
    decider = chosen.decider
    return partial(
        verification_result,
        decision,
        ir=decider.candidate_ir if decision.applied else decider.ir,
        plan_hash=decider.plan_hash(context, chosen.at),
        suppliers=decider.supplier_verdicts(context, chosen.at, applied=decision.applied, whole=decision.enforced),
        context_hash=unit,
        at=chosen.at,
    )


def _choose(document: Mapping[str, Any], serving: Serving, now: datetime) -> _Chosen:
    if ("policy_id" in document) == ("ir" in document):
        raise _malformed("needs either policy_id or ir", 'Send {"policy_id": "lksg.v1", "context": {...}}.')
    options = document.get("options", {})
    if not isinstance(options, dict):
        raise _malformed("has options that are no object", "Leave options out, or send an object.")
    if "ir" in document:
        return _inline(document["ir"], options, serving, now)
    policy_id = document["policy_id"]
    if not isinstance(policy_id, str):
        raise _malformed("has a policy_id that is no string", "Name a published policy.")
    if "options" in document:
        raise InvalidInput(
            "verify.options_not_allowed",
            "A published policy is decided as its rollout says; options are for an IR sent with the request",
            "Leave options out, and change the rollout through /rollout.",
        )
    served = serving.policies.get(policy_id)
    if served is None:
        raise NotFound("policy.unknown", f"No policy {policy_id[:80]!r} is published", "See `capctl policy list`.")
    return _Chosen(served.decider, served, served.basis_points > 0, served.basis_points, now)


def _inline(unverified_ir: Any, options: Mapping[str, Any], serving: Serving, now: datetime) -> _Chosen:
    unknown = options.keys() - INLINE_OPTIONS
    if unknown:
        raise _malformed(f"has an unknown option {min(unknown)[:40]!r}", f"Known: {', '.join(sorted(INLINE_OPTIONS))}.")
    at, enforce = options.get("at", ""), options.get("enforce", False)
    if not isinstance(enforce, bool) or not isinstance(at, str):
        raise _malformed("has an option of the wrong type", "enforce is true or false; at is a time in RFC 3339.")
    checked = Options(
        at=from_rfc3339(at) if "at" in options else now,
        enforce=enforce,
        rollout_percent=options.get("rollout_percent", 0),
        drift_max_ratio=options.get("drift_max_ratio", 0.005),
    )
    data = canonical_json(unverified_ir)
    if len(data) > MAX_INLINE_IR_BYTES:
        raise InvalidInput(
            "ir.too_large", f"The IR is larger than {MAX_INLINE_IR_BYTES // 1024} KiB", "Publish it, and name it."
        )
    decider = Decider(read_ir(data), serving.sets, salt=checked.salt)
    return _Chosen(decider, None, checked.enforce, checked.basis_points, checked.at)


def _context(unverified: Any, at: datetime) -> tuple[Context, bool]:
    if isinstance(unverified, dict) and len(unverified) == 1 and unverified.get("_demo") is True:
        return check_context(demo_context(at)), True
    return check_context(unverified), False


def _malformed(what: str, hint: str) -> InvalidInput:
    return InvalidInput("verify.malformed", f"The request {what}", hint)
