"""Reference lists: read from text or JSON, counted, and named by their root."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidInput
from engine.ids import merkle_root
from engine.policy import parse_reference_list
from engine.policy.reference import MAX_MEMBER

MEMBERS = st.sets(st.text("0123456789abcdefÄé ", min_size=1).map(str.strip).filter(bool), min_size=1)


def test_text_is_one_member_a_line():
    """Blank lines, comments and the space around members do not count; repetition is counted."""
    data = "\ufeff# a list\r\n\r\nDE\r\n  FR  \nDE\n#FR\n".encode()
    found = parse_reference_list(data)
    assert (found.members, found.count, found.duplicates) == ({"DE", "FR"}, 2, 1)


@given(MEMBERS)
def test_every_form_is_the_same_list(members):
    """A list has one root, whether it came as lines, as a JSON list or as an object, in whatever order."""
    forms = [
        "\n".join(members).encode(),
        json.dumps(sorted(members)).encode(),
        json.dumps({"members": sorted(members, reverse=True)}).encode(),
    ]
    assert {parse_reference_list(form).root for form in forms} == {merkle_root(members)}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "list.empty"),
        (b"# nothing\n\n", "list.empty"),
        (b"[]", "list.empty"),
        (b"DE\n\xff\n", "list.not_utf8"),
        (b'{"member": ["a"]}', "list.malformed"),
        (b'["a", 1]', "list.malformed"),
        (b'["a", ""]', "list.malformed"),
        (b'["a\\u0000"]', "list.malformed"),
        (b"a\x00b", "list.malformed"),
        (b"a\tb", "list.malformed"),
        (b"x" * (MAX_MEMBER + 1), "list.malformed"),
        (b'["a"', "json.malformed"),
        (b'{"members": ["a"], "members": []}', "json.ambiguous"),
    ],
)
def test_what_is_no_list_is_refused(data, code):
    """An unreadable or empty list is an error: taken as a list it would let everything pass."""
    with pytest.raises(InvalidInput) as caught:
        parse_reference_list(data)
    assert caught.value.code == code


def test_an_error_names_the_entry_and_never_its_content():
    """Lists hold names of people: an error says which entry, not what it says."""
    with pytest.raises(InvalidInput, match="entry 2") as caught:
        parse_reference_list(b"fine\nJane\tDoe\n")
    assert "Jane" not in caught.value.message + caught.value.hint


@given(st.binary())
def test_no_bytes_are_a_surprise(data):
    """Whatever the file holds, it is a list or an error with a code."""
    found = None
    try:
        found = parse_reference_list(data)
    except InvalidInput as error:
        assert error.code.startswith(("list.", "json."))  # noqa: PT017 - either outcome is right
    assert found is None or found.count > 0
