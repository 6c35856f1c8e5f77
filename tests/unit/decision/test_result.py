"""The verification result: everything an auditor needs, the same bytes each time, and nothing of the shadow."""

from __future__ import annotations

from engine.canonical import canonical_json
from engine.decision import Decider, context_hash, verification_result
from engine.ids import hash_json
from tests.unit.decision.policies import NOW, SALT, SANCTIONS, SETS, context, policy

IR = policy(SANCTIONS)


def result(ctx):
    decider = Decider(IR, SETS, salt=SALT)
    decision = decider.decide(ctx, at=NOW, enforce=True, basis_points=0)
    return verification_result(
        decision,
        ir=IR,
        plan_hash=decider.plan_hash(ctx, NOW),
        suppliers=decider.supplier_verdicts(ctx, NOW, applied=decision.applied),
        context_hash=context_hash(ctx),
        at=NOW,
    )


def test_result_names_verdicts_and_hashes():
    """The verdict as a whole, for each supplier, and what it rests on."""
    document = result(context(supplier_hashes=["s-1", "bad-1"]))
    assert document["verdict"] == "fail"
    assert document["violations"] == [{"rule_id": "R1", "reason": "member_found"}]
    assert [(s["supplier_hash"], s["verdict"]) for s in document["suppliers"]] == [("s-1", "ok"), ("bad-1", "fail")]
    assert document["ir_hash"] == IR.ir_hash
    assert document["at"] == "2026-06-01T12:00:00Z"


def test_manifest_covers_what_was_judged_and_how():
    """The manifest hash is over policy, IR, context, time and verdict, and over nothing else."""
    document = result(context())
    manifest = {name: document[name] for name in ("policy_hash", "ir_hash", "context_hash", "at", "verdict")}
    assert document["manifest_hash"] == hash_json(manifest)


def test_result_has_the_same_bytes_in_every_run():
    """A result can be reproduced byte for byte."""
    assert canonical_json(result(context())) == canonical_json(result(context()))
