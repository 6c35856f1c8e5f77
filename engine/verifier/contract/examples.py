"""Examples of the contract. Tests send every request and hold every answer to its model."""

from __future__ import annotations

from typing import Any, Final

from engine.policy.ir import PolicyIR, Rule

Json = dict[str, Any]

_SMALL_POLICY: Final = PolicyIR(
    policy_id="regions.v1",
    policy_hash="sha3-256:" + "5d" * 32,
    rules=(Rule("R1", "non_intersection", {"var": "supplier_regions"}, {"list": [{"const": "XX"}]}, "fail"),),
)

IR: Final[Json] = _SMALL_POLICY.to_json()

READY: Final[Json] = {"status": "ready", "reasons": [], "warnings": []}
NOT_READY: Final[Json] = {"status": "not_ready", "reasons": ["STARTING"], "warnings": []}

VERIFY_DEMO: Final[Json] = {"policy_id": "lksg.v1", "context": {"_demo": True}, "backend": "mock"}
VERIFY_AGGREGATE: Final[Json] = {
    "policy_id": "lksg.v1",
    "context": {
        "supplier_hashes": ["sha3-256:" + "a1" * 32],
        "ubo_hashes": [],
        "supplier_regions": ["DE"],
        "audit_dates": ["2026-01-31"],
        "variables": {"tier": 1},
    },
}
VERIFY_INLINE: Final[Json] = {
    "ir": IR,
    "context": {"suppliers": [{"supplier_hash": "sha3-256:" + "a1" * 32, "supplier_regions": ["DE"]}]},
    "options": {"at": "2026-01-31T12:00:00Z"},
}
VERIFIED: Final[Json] = {
    "result": {
        "result_version": "1.0",
        "policy_id": "regions.v1",
        "policy_hash": IR["policy_hash"],
        "ir_hash": IR["ir_hash"],
        "context_hash": "sha3-256:" + "c0" * 32,
        "plan_hash": "sha3-256:" + "b1" * 32,
        "at": "2026-01-31T12:00:00Z",
        "verdict": "fail",
        "enforced": False,
        "violations": [{"rule_id": "R1", "reason": "intersection_found"}],
        "suppliers": [
            {
                "supplier_hash": "sha3-256:" + "a1" * 32,
                "verdict": "fail",
                "violations": [{"rule_id": "R1", "reason": "intersection_found"}],
            }
        ],
        "manifest_hash": "sha3-256:" + "d2" * 32,
    }
}

TO_QUARTER: Final[Json] = {"policy_id": "lksg.v1", "percent": 25, "reason": "canary"}
ROLL_BACK: Final[Json] = {"percent": 0, "reason": "errors at a customer"}
PAUSE: Final[Json] = {"paused": True}
