"""What a policy says of a context, and which of two verdicts counts.

Pure: an IR, a context, a time and a salt in, a `Decision` out. Names are loaded on first use, because every process
imports `engine.decision.verdict` and few decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.decision.bucketing import BUCKET_VERSION, bucket
    from engine.decision.context import check_context, context_hash
    from engine.decision.decider import Decider
    from engine.decision.drifting import direction
    from engine.decision.options import Options, decide
    from engine.decision.plan import Plan
    from engine.decision.replay import ReplaySummary, replay_chunk
    from engine.decision.result import manifest_hash, verification_result
    from engine.decision.select import Selector
    from engine.decision.verdict import Decision, Drift, Outcome, Verdict, Violation

__all__ = [
    "BUCKET_VERSION",
    "Decider",
    "Decision",
    "Drift",
    "Options",
    "Outcome",
    "Plan",
    "ReplaySummary",
    "Selector",
    "Verdict",
    "Violation",
    "bucket",
    "check_context",
    "context_hash",
    "decide",
    "direction",
    "manifest_hash",
    "replay_chunk",
    "verification_result",
]

__getattr__ = lazy_face(
    __name__,
    {
        "BUCKET_VERSION": "bucketing",
        "Decider": "decider",
        "Decision": "verdict",
        "Drift": "verdict",
        "Options": "options",
        "Outcome": "verdict",
        "Plan": "plan",
        "ReplaySummary": "replay",
        "Selector": "select",
        "Verdict": "verdict",
        "Violation": "verdict",
        "bucket": "bucketing",
        "check_context": "context",
        "context_hash": "context",
        "decide": "options",
        "direction": "drifting",
        "manifest_hash": "result",
        "replay_chunk": "replay",
        "verification_result": "result",
    },
)
