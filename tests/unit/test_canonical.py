"""Canonical JSON is one spelling per document, and reading is strict: held against published vectors."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.canonical import MAX_DEPTH, MAX_SAFE_INTEGER, canonical_json, strict_json, strict_json_at_once
from engine.errors import InvalidInput

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the published vectors lie beside the checkout")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)
)


@given(DOCUMENTS)
@example({"\U0001f600": 1, "\uffff": 2})
@example({"a": ["\x7f\x00\u2028", -0.0, 1e21, 1e-7]})
@example([["a", 1.0], ("b", None)])
def test_the_fast_way_writes_what_the_reference_writer_writes(document):
    """Whoever wrote it, the bytes are RFC 8785."""
    assert canonical_json(document) == rfc8785.dumps(document)


@given(DOCUMENTS)
def test_canonical_bytes_are_read_back_and_written_the_same(document):
    """Reading and writing again changes nothing, so a hash can be recomputed from the stored bytes."""
    written = canonical_json(document)
    # RFC 8785 writes a whole double beyond 2^53 with all its digits; read back it is an integer, and refused as one.
    assume(not re.search(rb"[0-9]{16}", written))
    assert canonical_json(json.loads(written)) == written


@given(st.dictionaries(st.text(), SCALARS), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(document, random):
    """Two documents that differ in the order of their keys are one document."""
    items = list(document.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(document)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [1, -math.inf],
        MAX_SAFE_INTEGER + 1,
        {"a": {"b": -(2**60)}},
        "\ud800",
        {"\udfff": 1},
        {1: "a"},
        {"at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"blob": b"bytes"},
        {"set": {1}},
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value):
    """NaN, infinities, huge integers, half characters and whatever is no JSON never get a hash."""
    with pytest.raises(InvalidInput) as caught:
        canonical_json(value)
    assert caught.value.code == "json.not_canonical"


def test_a_circle_is_refused():
    """A list that holds itself is an error, not an endless loop."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidInput):
        canonical_json(circle)


@needs_vectors
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_published_documents(name):
    """RFC 8785's own test documents come out byte for byte."""
    document = json.loads((VECTORS / "jcs" / "input" / f"{name}.json").read_bytes())
    assert canonical_json(document) == bytes.fromhex((VECTORS / "jcs" / "outhex" / f"{name}.txt").read_text())


@needs_vectors
def test_published_numbers(record_property: Callable[[str, object], None]) -> None:
    """Ten thousand doubles are written as ECMAScript writes them."""
    lines = (VECTORS / "jcs" / "es6-numbers-10000.txt").read_text().split()
    assert len(lines) == 10_000
    for line in lines:
        bits, _, expected = line.partition(",")
        [number] = struct.unpack(">d", bytes.fromhex(bits.zfill(16)))
        assert canonical_json(number) == expected.encode()
    record_property("tried", f"{len(lines):,} numbers")


def _parsing_cases(prefix: str) -> list[Path]:
    return sorted((VECTORS / "json-strict" / "test_parsing").glob(f"{prefix}_*.json"))


REFUSED_ON_PURPOSE = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


@needs_vectors
def test_valid_json_is_read_as_every_reader_reads_it(record_property: Callable[[str, object], None]) -> None:
    """What JSON allows is read; only keys that stand twice are refused beyond the letter of the RFC."""
    cases = _parsing_cases("y")
    assert len(cases) == 95
    for path in cases:
        if path.name in REFUSED_ON_PURPOSE:
            with pytest.raises(InvalidInput):
                strict_json(path.read_bytes())
        else:
            assert strict_json(path.read_bytes()) == json.loads(path.read_bytes()), path.name
    record_property("tried", f"{len(cases)} texts, {len(REFUSED_ON_PURPOSE)} of them refused on purpose")


@needs_vectors
def test_invalid_json_is_refused(record_property: Callable[[str, object], None]) -> None:
    """What JSON forbids is an error with a code, never a traceback."""
    cases = _parsing_cases("n")
    assert len(cases) == 188
    for path in cases:
        with pytest.raises(InvalidInput):
            strict_json(path.read_bytes())
    record_property("tried", f"{len(cases)} texts")


@needs_vectors
def test_what_readers_disagree_about_is_refused_or_exact():
    """Where implementations differ, we read a value that has a canonical form, or big integers, or nothing."""
    for path in _parsing_cases("i"):
        try:
            value = strict_json(path.read_bytes())
        except InvalidInput:
            continue
        numbers = [item for item in value if isinstance(item, int | float)]
        assert numbers == value, path.name
        assert all(map(math.isfinite, numbers)), path.name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a":1,"a":1}', "json.ambiguous"),
        ('{"a":{"b":1,"b":2}}', "json.ambiguous"),
        ("[NaN]", "json.ambiguous"),
        ("[-Infinity]", "json.ambiguous"),
        ("[1e400]", "json.ambiguous"),
        (r'["\ud800"]', "json.ambiguous"),
        (r'["\uDBFF x"]', "json.ambiguous"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "json.ambiguous"),
        ("[" * 100_000, "json.malformed"),
        ("[" + "9" * 5_000 + "]", "json.malformed"),
        ("\ufeff{}", "json.malformed"),
        ("", "json.malformed"),
    ],
)
def test_json_that_two_readers_could_understand_differently_is_refused(text, code):
    """The answer to ambiguity is no, with a code that says which kind of no."""
    with pytest.raises(InvalidInput) as caught:
        strict_json(text.encode())
    assert caught.value.code == code


def test_a_surrogate_pair_is_one_character():
    """Escapes that make a whole character are fine."""
    assert strict_json(rb'["\ud83d\ude00"]') == ["\U0001f600"]


def test_bytes_that_are_no_text_are_located():
    """The byte where UTF-8 ends is named, so that somebody can find it."""
    with pytest.raises(InvalidInput, match="byte 2"):
        strict_json(b'["\xff"]')


@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    compact=st.booleans(),
)
def test_the_fast_reader_reads_what_the_strict_one_does(document: Any, compact: bool) -> None:
    """The same values of the same types, the same refusals, however the JSON is written."""
    body = json.dumps(document, separators=(",", ":") if compact else None, ensure_ascii=not compact).encode()
    assert _read_by(strict_json_at_once, body) == _read_by(strict_json, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'[{"b":0,"b":0}]',
        b'"\\ud800"',
        b"1e400",
        b"-0",
        b"NaN",
        b"\xff",
        b"",
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
    ],
)
def test_the_fast_reader_passes_nothing_by(body: bytes) -> None:
    """Keys that stand twice, halves of characters and numbers beyond doubles are refused by either reader."""
    assert _read_by(strict_json_at_once, body) == _read_by(strict_json, body)


def test_the_fast_reader_takes_many_shallow_lists_and_objects() -> None:
    """It is depth that is bounded, not the number of brackets."""
    body = b"[" + b",".join([b'{"a":[1]}'] * 100) + b"]"
    assert strict_json_at_once(body) == [{"a": [1]}] * 100
    assert strict_json_at_once(b"[" * 64 + b"]" * 64) == strict_json(b"[" * 64 + b"]" * 64)


def _read_by(reader: Callable[[bytes], Any], body: bytes) -> str:
    try:
        return repr(reader(body))
    except InvalidInput as error:
        return error.code
