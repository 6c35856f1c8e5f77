"""`$batch` as bytes: what is written can be read by a server, and no answer is taken for more than it says."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from engine.sap.batch import Operation, decode_batch, encode_batch
from engine.sap.multipart import MalformedMultipart, http_message, parts_of

OPERATION = Operation("POST", "Set?sap-client=100", {"Name": "x"})
CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{}"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n{}"


def part(message: bytes) -> bytes:
    return b"Content-Type: application/http\r\n\r\n" + message


def multipart(boundary: str, *parts: bytes, newline: bytes = b"\r\n") -> bytes:
    mark = b"--" + boundary.encode()
    return newline.join([b"".join((mark, newline, body)) for body in parts] + [mark + b"--", b""])


def changeset(*messages: bytes) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n" + multipart("inner", *map(part, messages))


def statuses(body: bytes, sizes: list[int]) -> list[int | None]:
    return [answer and answer.status for answer in decode_batch("multipart/mixed; boundary=outer", body, sizes)]


@given(st.lists(st.lists(st.dictionaries(st.text(), st.text()), min_size=1, max_size=3), max_size=3))
def test_what_is_written_reads_back(bodies: list[list[dict[str, str]]]) -> None:
    """Any content survives: line breaks, dashes, non-ASCII."""
    content_type, written = encode_batch([[Operation("POST", "S", b) for b in bs] for bs in bodies], "unguessable_7f3a")
    read = [
        [json.loads(http_message(inner.body)[1].body) for inner in parts_of(outer.content_type, outer.body)]
        for outer in (parts_of(content_type, written) if bodies else ())
    ]
    assert read == bodies


def test_each_operation_has_its_own_answer() -> None:
    """Two changesets of two."""
    body = multipart("outer", changeset(CREATED, CREATED), changeset(CREATED, CREATED))
    assert statuses(body, [2, 2]) == [201] * 4


def test_a_refused_changeset_is_answered_once_for_all() -> None:
    """And the others keep their answers."""
    body = multipart("outer", changeset(CREATED, CREATED), part(REFUSED), changeset(CREATED))
    assert statuses(body, [2, 3, 1]) == [201, 201, 400, 400, 400, 201]


def test_a_short_answer_is_not_a_complete_one() -> None:
    """Changesets that were not answered, and changesets with too few answers, say nothing."""
    body = multipart("outer", changeset(CREATED, CREATED), changeset(CREATED))
    assert statuses(body, [2, 2, 2]) == [201, 201, None, None, None, None]


def test_one_success_does_not_stand_for_several_operations() -> None:
    """Only a refusal can be answered once for a whole changeset."""
    assert statuses(multipart("outer", part(CREATED)), [2]) == [None, None]


def test_an_answer_that_is_cut_off_says_nothing_of_what_is_missing() -> None:
    """Cut in the middle of the second changeset."""
    body = multipart("outer", changeset(CREATED), changeset(CREATED, CREATED))
    assert statuses(body[: body.rindex(b"--inner\r\n")], [1, 2]) == [201, None, None]


def test_bare_line_feeds_are_read() -> None:
    """Not every server writes CRLF."""
    body = multipart("outer", part(REFUSED), newline=b"\n").replace(b"\r\n", b"\n")
    assert statuses(body, [1]) == [400]


@given(st.binary(max_size=300), st.text(max_size=30))
def test_no_answer_breaks_it(body: bytes, content_type: str) -> None:
    """A login page, noise, nothing: no operation is taken for answered."""
    assert decode_batch(content_type, body, [2]) == [None, None]
    assert len(decode_batch("multipart/mixed; boundary=x", b"--x\r\n" + body, [2])) == 2
    with suppress(MalformedMultipart):
        parts_of(content_type, body)
