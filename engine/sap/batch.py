"""`$batch` written and read by ourselves: operations in changesets, and what became of each of them.

pyodata loses the answers of all changesets when one fails, and takes a short answer for a complete one. Here nothing
is taken for done that was not answered: an operation without an answer of its own has none.

Source: OData V2, batch processing; RFC 2046.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.sap.multipart import MalformedMultipart, Part, http_message, parts_of, write_parts

HTTP_PART: Final = {"Content-Type": "application/http", "Content-Transfer-Encoding": "binary"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One modifying request."""

    method: str
    path: str
    """Relative to the service root, percent-encoded, with its query string."""
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as it goes over the wire."""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class InnerAnswer:
    """What a server said to one operation."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def encode_batch(changesets: Sequence[Sequence[Operation]], boundary: str) -> tuple[str, bytes]:
    """Write a batch.

    Args:
        changesets: Each is executed as a whole or not at all, by servers that can.
        boundary: Unpredictable, so that no value can end a part.

    Returns:
        Content type and body.
    """
    parts = []
    for number, operations in enumerate(changesets, 1):
        inner = f"{boundary}_{number}"
        body = write_parts(inner, [_request(i, operation) for i, operation in enumerate(operations, 1)])
        parts.append(Part({"Content-Type": f"multipart/mixed; boundary={inner}"}, body))
    return f"multipart/mixed; boundary={boundary}", write_parts(boundary, parts)


def decode_batch(content_type: str, body: bytes, sizes: Sequence[int]) -> list[InnerAnswer | None]:
    """What became of each operation, in order; None where nothing was said.

    A changeset that was refused is answered once for all of its operations. A changeset with another number of answers
    than operations says nothing that could be relied on.

    Args:
        content_type: Of the answer.
        body: The answer, unverified.
        sizes: Number of operations in each changeset that was sent.
    """
    try:
        answered = [_changeset(part) for part in parts_of(content_type, body)]
    except MalformedMultipart:
        answered = []
    outcomes: list[InnerAnswer | None] = []
    for position, size in enumerate(sizes):
        answers = answered[position] if position < len(answered) else []
        if isinstance(answers, InnerAnswer):
            outcomes += [answers] * size
        elif len(answers) == size:
            outcomes += answers
        else:
            outcomes += [None] * size
    return outcomes


def _request(number: int, operation: Operation) -> Part:
    content = operation.content
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Content-Length": str(len(content)),
        **operation.headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    message = f"{operation.method} {operation.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content
    return Part({**HTTP_PART, "Content-ID": str(number)}, message)


def _changeset(part: Part) -> InnerAnswer | list[InnerAnswer | None]:
    """The answers of a changeset; a single answer stands for all of it."""
    if part.content_type.lower().startswith("multipart/"):
        return [_answer(inner) for inner in parts_of(part.content_type, part.body)]
    answer = _answer(part)
    return answer if answer is not None and answer.status >= 400 else [answer]


def _answer(part: Part) -> InnerAnswer | None:
    first, message = http_message(part.body)
    words = first.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        return None
    return InnerAnswer(int(words[1]), message.headers, message.body)
