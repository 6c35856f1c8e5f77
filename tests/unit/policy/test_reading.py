"""Reading an IR: what was compiled comes back, and nothing else is believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.canonical import canonical_json
from engine.errors import InvalidInput
from engine.ids import hash_json
from engine.policy import compile_policy, lint, read_ir
from engine.policy.reading import MAX_IR_BYTES
from tests.unit.policy.sources import GOOD
from tests.unit.policy.strategies import EXPRESSIONS

IR = compile_policy(lint(GOOD.encode(), file="p.yaml").accepted())


def _forged(change) -> bytes:
    """The IR with one change, its hash and canonical form made right again: only the shape can give it away."""
    document = json.loads(IR.canonical)
    change(document)
    document["ir_hash"] = hash_json({key: value for key, value in document.items() if key != "ir_hash"})
    return canonical_json(document)


def test_what_was_compiled_is_read_back():
    """The stored bytes give the same value, with or without the line break that files end with."""
    assert read_ir(IR.canonical) == IR
    assert read_ir(IR.canonical + b"\n") == IR


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d.pop("rules"), "/: 'rules' is missing"),
        (lambda d: d.update(extra=1), "/: 'extra' is not known"),
        (lambda d: d.update(policy_id="../x"), "/policy_id"),
        (lambda d: d.update(policy_hash="md5:0"), "/policy_hash"),
        (lambda d: d.update(rules={}), "/rules"),
        (lambda d: d.update(rules=[]), "/rules"),
        (lambda d: d["rules"].reverse(), "/rules"),
        (lambda d: d["rules"].append(d["rules"][-1]), "/rules"),
        (lambda d: d["rules"][0].update(op="eval"), "/rules/0/op"),
        (lambda d: d["rules"][0].update(op=["eq"]), "/rules/0/op"),
        (lambda d: d["rules"][1].update(severity="ok"), "/rules/1/severity"),
        (lambda d: d["rules"][0].update(id=5), "/rules/0/id"),
        (lambda d: d["rules"][0].update(lhs={"func": "len", "args": [{"var": 1}]}), "/rules/0/lhs/args/0/var"),
        (lambda d: d["rules"][0].update(rhs={"const": 0.5}), "/rules/0/rhs/const"),
        (lambda d: d["rules"][0].pop("severity"), "/rules/0"),
        (lambda d: d["adaptivity"].pop("predicates"), "/adaptivity"),
        (lambda d: d["adaptivity"]["predicates"].reverse(), "/adaptivity/predicates"),
        (lambda d: d["adaptivity"]["predicates"][0].update(expr={"var": "high_and_open"}), "/adaptivity/predicates"),
        (lambda d: d["adaptivity"]["activations"][0].update(when="other"), "/adaptivity/activations/0/when"),
        (lambda d: d["adaptivity"]["activations"][0].update(rules=["R9"]), "/adaptivity/activations/0/rules"),
        (lambda d: d["adaptivity"]["activations"][0].update(rules=["R2", "R1"]), "/adaptivity/activations/0/rules"),
    ],
)
def test_a_forged_ir_is_refused_by_its_shape(change, place):
    """A hash that is right does not make a document an IR; the error names the place."""
    with pytest.raises(InvalidInput) as caught:
        read_ir(_forged(change))
    assert caught.value.code == "ir.malformed"
    assert f"at {place}" in caught.value.message


def test_another_version_is_refused():
    """A later format is not guessed at."""
    with pytest.raises(InvalidInput) as caught:
        read_ir(_forged(lambda d: d.update(ir_version="2.0", more={})))
    assert caught.value.code == "ir.unsupported_version"


def test_a_changed_ir_is_refused_by_its_hash():
    """A limit raised by hand is noticed."""
    with pytest.raises(InvalidInput) as caught:
        read_ir(IR.canonical.replace(b"P365D", b"P999D"))
    assert caught.value.code == "ir.hash_mismatch"


@pytest.mark.parametrize("spoil", [lambda b: b" " + b, lambda b: b + b"\n\n", lambda b: b.replace(b":", b": ", 1)])
def test_other_bytes_are_refused(spoil):
    """An IR has one spelling: caches and signatures go by bytes."""
    with pytest.raises(InvalidInput) as caught:
        read_ir(spoil(IR.canonical))
    assert caught.value.code == "ir.not_canonical"


def test_an_enormous_ir_is_refused_unread():
    """Size is looked at before anything is parsed."""
    with pytest.raises(InvalidInput) as caught:
        read_ir(b" " * (MAX_IR_BYTES + 1))
    assert caught.value.code == "ir.too_large"


@given(st.integers(0, len(IR.canonical) - 1), st.integers(0, 255))
def test_no_byte_can_be_changed(index, byte):
    """Whatever single byte is changed, the IR is refused with a code."""
    changed = bytearray(IR.canonical)
    if changed[index] != byte:
        changed[index] = byte
        with pytest.raises(InvalidInput):
            read_ir(bytes(changed))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_is_a_surprise(document):
    """Any other JSON is refused with a code, never a traceback."""
    with pytest.raises(InvalidInput):
        read_ir(json.dumps(document).encode())


@settings(max_examples=50)
@given(EXPRESSIONS)
def test_any_expression_survives(expression):
    """Every well-formed expression comes back from an IR as it went in."""
    forged = _forged(lambda d: d["rules"][0].update(lhs=expression))
    assert read_ir(forged).rules[0].lhs == expression
