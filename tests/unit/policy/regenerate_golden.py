"""Write the golden files anew: `python -m tests.unit.policy.regenerate_golden`.

Only after a deliberate change of a shipped policy. An IR that changes by itself breaks every hash ever recorded.
"""

from __future__ import annotations

import json
from pathlib import Path

from engine.policies import shipped, shipped_lists
from engine.policy import PolicyIR, compile_policy, lint, parse_reference_list

GOLDEN = Path(__file__).parent / "golden"


def compiled(policy_id: str) -> PolicyIR:
    """The IR of a shipped policy."""
    return compile_policy(lint(shipped()[policy_id], file=f"{policy_id}.yaml").accepted())


def hashes() -> dict[str, dict[str, str]]:
    """The hashes of all shipped policies and the roots of all shipped lists."""
    irs = [compiled(policy_id) for policy_id in shipped()]
    return {
        "policies": {ir.policy_id: f"{ir.policy_hash} {ir.ir_hash}" for ir in irs},
        "lists": {name: parse_reference_list(data).root for name, data in shipped_lists().items()},
    }


def main() -> None:
    """Write one file per policy, and one with all hashes."""
    for policy_id in shipped():
        (GOLDEN / f"{policy_id}.json").write_bytes(compiled(policy_id).canonical)
    (GOLDEN / "hashes.json").write_text(json.dumps(hashes(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
