"""The verification result: everything an auditor needs, the same bytes each time, and nothing of the shadow."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import canonical_json
from engine.decision import Decider, context_hash, verification_result
from engine.decision.context import check_context
from engine.errors import InvalidInput
from engine.ids import hash_json
from tests.unit.decision.policies import NOW, SALT, SANCTIONS, SETS, context, policy

IR = policy(SANCTIONS)


def result(ctx, **how):
    decider = Decider(IR, SETS, salt=SALT)
    decision = decider.decide(ctx, at=NOW, enforce=True, basis_points=0)
    return verification_result(
        decision,
        ir=IR,
        plan_hash=decider.plan_hash(ctx, NOW),
        suppliers=decider.supplier_verdicts(ctx, NOW, applied=decision.applied),
        context_hash=context_hash(ctx),
        at=NOW,
        **how,
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


def _sent(ctx):
    """The bytes of a result that was made for signing."""
    return orjson.dumps(result(ctx, written=True), option=orjson.OPT_SORT_KEYS)


_suppliers = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["bad-1", '","', '"x\\', "\u2028"]),
    max_size=6,
)


@given(suppliers=_suppliers)
def test_a_result_made_for_signing_has_the_canonical_bytes(suppliers):
    """Whatever the suppliers are called, and whether or not they share a verdict."""
    ctx = context(supplier_hashes=suppliers)
    assert _sent(ctx) == canonical_json(result(ctx))


@given(suppliers=_suppliers.filter(lambda names: len(set(names)) == len(names)))
def test_records_made_for_signing_have_the_canonical_bytes(suppliers):
    """Records are judged one by one, and written with a verdict of their own."""
    root = context()["sanctions_root"]
    records = [{"supplier_hash": name, "audit_dates": ["2026-01-01"]} for name in suppliers]
    ctx = check_context({"suppliers": records, "sanctions_root": root})
    assert _sent(ctx) == canonical_json(result(ctx))


def test_half_a_character_is_refused_by_name():
    """A hash that has no canonical form is bad input, not a fault."""
    decider = Decider(IR, SETS, salt=SALT)
    ctx = context(supplier_hashes=["\ud800"])
    decision = decider.decide(ctx, at=NOW, enforce=True, basis_points=0, unit="u")
    outcomes = decider.supplier_verdicts(ctx, NOW, applied=False, whole=decision.enforced)
    with pytest.raises(InvalidInput):
        verification_result(decision, ir=IR, plan_hash="p", suppliers=outcomes, context_hash="c", at=NOW, written=True)
