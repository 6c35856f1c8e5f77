"""The gate: may this rollout go on."""

from __future__ import annotations

from engine.drift.report import Answer, Basis, Condition, GateReport, GateSettings

__all__ = ["Answer", "Basis", "Condition", "GateReport", "GateSettings"]
