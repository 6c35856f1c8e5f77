"""Examples of the contract. Tests send every request and hold every answer to its model."""

from __future__ import annotations

import base64
from typing import Any, Final

from engine.policy.ir import PolicyIR, Rule

Json = dict[str, Any]

_SMALL_POLICY: Final = PolicyIR(
    policy_id="regions.v1",
    policy_hash="sha3-256:" + "5d" * 32,
    rules=(Rule("R1", "non_intersection", {"var": "supplier_regions"}, {"list": [{"const": "XX"}]}, "fail"),),
)

_POLICY: Final = """\
id: regions.v1
version: "1"
legal_basis: [{directive: LkSG, article: "3"}]
description: No sites in a region that is closed.
inputs:
  supplier_regions: {type: list, items: string}
rules:
  - {id: R1, op: non_intersection, lhs: supplier_regions, rhs: '["XX"]', description: No site there.}
"""

_KID: Final = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
"""Of the key of RFC 8037, appendix A.3."""

KEYS: Final[Json] = {
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": _KID,
            "alg": "Ed25519",
            "use": "sig",
            "state": "active",
        }
    ]
}

IR: Final[Json] = _SMALL_POLICY.to_json()

READY: Final[Json] = {"status": "ready", "environment": "prod", "reasons": [], "warnings": []}
NOT_READY: Final[Json] = {"status": "not_ready", "environment": "prod", "reasons": ["STARTING"], "warnings": []}

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
        "kid": _KID,
        "signature": f"{'e' * 80}.{'p' * 400}.{'f' * 86}",
    }
}

COMPILE_YAML: Final[Json] = {"policy": base64.b64encode(_POLICY.encode()).decode(), "persist": True}
COMPILE_JSON: Final[Json] = {
    "policy": {
        "id": "regions.v1",
        "version": "1",
        "legal_basis": [{"directive": "LkSG", "article": "3"}],
        "inputs": {"supplier_regions": {"type": "list", "items": "string"}},
        "rules": [{"id": "R1", "op": "non_intersection", "lhs": "supplier_regions", "rhs": '["XX"]'}],
    },
    "lint_mode": "relaxed",
}
COMPILED: Final[Json] = {
    "policy_id": IR["policy_id"],
    "policy_hash": IR["policy_hash"],
    "ir_hash": IR["ir_hash"],
    "ir": IR,
    "persisted": True,
    "findings": [],
}

ADAPT_DEMO: Final[Json] = {
    "policy_id": "lksg.v1",
    "context": {"_demo": True},
    "options": {"enforce": True, "rollout_percent": 25, "at": "2026-01-31T12:00:00Z"},
}

TO_QUARTER: Final[Json] = {"policy_id": "lksg.v1", "percent": 25, "reason": "canary"}
ROLL_BACK: Final[Json] = {"percent": 0, "reason": "errors at a customer"}
PAUSE: Final[Json] = {"paused": True}
