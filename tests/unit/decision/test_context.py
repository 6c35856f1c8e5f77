"""What a context may look like, and where an error says it is wrong."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from engine.canonical import MAX_SAFE_INTEGER
from engine.decision import check_context, context_hash
from engine.decision.context import MAX_STRING, MAX_SUPPLIERS
from engine.errors import InvalidInput
from engine.ids import hash_bytes, hash_json
from tests.unit.decision.policies import context

RECORDS = {
    "suppliers": [
        {
            "supplier_hash": "s-1",
            "ubo_hashes": ["u-1", "u-2"],
            "supplier_regions": ["DE"],
            "audit_dates": ["2026-01-01"],
        },
        {"supplier_hash": "s-2", "ubo_hashes": ["u-2"], "supplier_regions": ["FR", "DE"]},
    ],
    "variables": {"tier": 1},
}


def test_aggregate_context_is_taken_as_it_is():
    """Nothing is added to, taken from or reordered in a context that is in order."""
    assert check_context(context()) == context()


def test_records_are_joined_in_the_order_first_seen():
    """Per-supplier records gain the aggregate lists, each item once, and stay."""
    joined = check_context(RECORDS)
    assert joined["supplier_hashes"] == ["s-1", "s-2"]
    assert joined["ubo_hashes"] == ["u-1", "u-2"]
    assert joined["supplier_regions"] == ["DE", "FR"]
    assert joined["audit_dates"] == ["2026-01-01"]
    assert joined["suppliers"] == RECORDS["suppliers"]


def test_checking_twice_is_checking_once():
    """A checked context passes again, unchanged."""
    assert check_context(check_context(RECORDS)) == check_context(RECORDS)


def test_hash_is_that_of_what_was_sent():
    """An auditor can hash the recorded document and find the hash in the result."""
    assert context_hash(check_context(RECORDS)) == hash_json(RECORDS)
    assert context_hash(check_context(context())) == hash_json(context())


def test_records_that_contradict_a_list_are_refused():
    """Two lists of suppliers in one context: nobody knows which one counts."""
    with pytest.raises(InvalidInput, match="/supplier_hashes contradicts"):
        check_context({**RECORDS, "supplier_hashes": ["s-1"]})


SECRET = "jane-doe"


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (["not", SECRET], "it is not an object"),
        (context(supplier_hashes=SECRET), "/supplier_hashes is not a list"),
        (context(ubo_hashes=["u", 1]), "/ubo_hashes/1 is not a string"),
        (context(audit_dates=[SECRET * 40]), "/audit_dates/0 is longer"),
        (context(supplier_hashes=["s"] * (MAX_SUPPLIERS + 1)), "/supplier_hashes has more than"),
        (context(sanctions_root=7), "/sanctions_root is not a string"),
        (context(suplier=[SECRET]), "/suplier is no field"),
        (context(variables=[SECRET]), "/variables is not an object"),
        (context(variables={"a/b": {SECRET: 1}}), "/variables/a~1b is neither"),
        (context(variables={"x": [1, [SECRET]]}), "/variables/x/1 is neither"),
        (context(variables={"x": float("nan")}), "/variables/x is no number within 2^53 - 1"),
        (context(variables={"x": 2**53}), "/variables/x is no number within 2^53 - 1"),
        (context(variables={"x": -1e300}), "/variables/x is no number within 2^53 - 1"),
        (context(variables={"x": "v" * (MAX_STRING + 1)}), "/variables/x is longer"),
        (context(variables={f"x{n}": n for n in range(1_001)}), "/variables has more than"),
        ({"suppliers": [{"supplier_hash": "a"}, {"supplier_hash": "a"}]}, "/suppliers/1/supplier_hash stands in"),
        ({"suppliers": [{"ubo_hashes": []}]}, "/suppliers/0/supplier_hash is missing"),
        ({"suppliers": [{"supplier_hash": "a", "name": SECRET}]}, "/suppliers/0/name is no field"),
        ({"suppliers": [SECRET]}, "/suppliers/0 is not an object"),
        ({"suppliers": {}}, "/suppliers is not a list"),
        ({"suppliers": [{"supplier_hash": str(n)} for n in range(MAX_SUPPLIERS + 1)]}, "/suppliers has more than"),
    ],
)
def test_malformed_context_is_refused_by_place_not_by_value(data, pointer):
    """The message points at the offender and repeats nothing of what it holds."""
    with pytest.raises(InvalidInput) as refusal:
        check_context(data)
    assert refusal.value.code == "context.malformed"
    assert pointer in refusal.value.message
    assert SECRET not in refusal.value.message


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
numbers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
scalars = texts | numbers | st.booleans()
contexts = st.fixed_dictionaries(
    {"variables": st.dictionaries(texts, st.none() | scalars | st.lists(scalars, max_size=3), max_size=3)},
    optional={"ubo_hashes": st.lists(texts, max_size=3), "high_risk_root": texts},
)


@given(contexts)
@example({"variables": {"\U0001f600": 1, "\uffff": 2}})
@example({"variables": {"x": [1.0, -0.0], "y": 1e-7}})
def test_the_hash_is_that_of_the_reference_writer(data):
    """Numbers and names of variables that two writers could spell or sort differently included."""
    assert context_hash(check_context(data)) == hash_bytes(rfc8785.dumps(data))


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
named = st.dictionaries(
    st.sampled_from(["supplier_hashes", "audit_dates", "sanctions_root", "variables", "suppliers", "x"]), json_data
)


@given(json_data | named)
def test_any_json_is_a_context_or_an_error_for_people(data):
    """Whatever is sent: a context with a hash, or one kind of refusal."""
    codes = []
    try:
        hash = context_hash(check_context(data))
    except InvalidInput as refusal:
        codes.append(refusal.code)
    else:
        assert hash == hash_json(data) or "suppliers" in data
    # Not canonical: a lone surrogate, text that no encoding can carry.
    assert set(codes) <= {"context.malformed", "json.not_canonical"}
