"""May traffic be sent to this verifier? Reasons have stable codes; none holds a path or a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.drift.gate import Answer
from engine.verifier.runtime import Runtime

STARTING = "STARTING"
DRAINING = "DRAINING"
STORE_UNREACHABLE = "STORE_UNREACHABLE"
STORE_NOT_WRITABLE = "STORE_NOT_WRITABLE"
NO_POLICIES = "NO_POLICIES"
ROLLOUT_UNKNOWN = "ROLLOUT_UNKNOWN"
DRIFT_GATE = "DRIFT_GATE"
KEYS_UNUSABLE = "KEYS_UNUSABLE"
POLICY_NOT_SIGNED = "POLICY_NOT_SIGNED"


@dataclass(frozen=True, slots=True)
class ReadyReport:
    """What speaks against sending traffic."""

    environment: str
    """Which environment answers: whoever meant another one is at the wrong address."""
    reasons: tuple[str, ...]
    """Any of these makes the verifier not ready."""
    warnings: tuple[str, ...]
    """What is wrong and no reason to take the verifier away."""

    @property
    def ready(self) -> bool:
        """Whether traffic may be sent."""
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        """The answer of `/readyz`."""
        status = "ready" if self.ready else "not_ready"
        return {
            "status": status,
            "environment": self.environment,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
        }


def check_ready(runtime: Runtime, *, drift_gate: bool) -> ReadyReport:
    """Look at everything a verifier needs.

    A store that can be read but not written keeps evidence from the gate, which then holds; the verifier itself decides
    as before and stays ready.

    Args:
        runtime: The verifier.
        drift_gate: Whether a closed gate makes it not ready. It takes capacity away, so it is off by default.
    """
    serving, health = runtime.serving, runtime.health
    policies = serving.policies.values() if serving else ()
    found = {
        DRAINING: health.draining,
        STORE_UNREACHABLE: "refresh" in health.faults,
        STARTING: serving is None,
        NO_POLICIES: serving is not None and not policies,
        # Without the registry there is no keyring either: one reason is enough.
        KEYS_UNUSABLE: "keys" in health.faults and "refresh" not in health.faults,
        POLICY_NOT_SIGNED: serving is not None and bool(serving.refused),
        ROLLOUT_UNKNOWN: any(served.problem for served in policies),
        DRIFT_GATE: drift_gate and any(report.answer is Answer.CLOSED for report in runtime.gates.values()),
    }
    warnings = (STORE_NOT_WRITABLE,) if health.faults.keys() - {"refresh", "keys"} else ()
    return ReadyReport(runtime.ctx.env, tuple(code for code, holds in found.items() if holds), warnings)
