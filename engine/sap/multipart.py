"""Multipart bodies as `$batch` uses them: parts with headers, in bytes, tolerant of what servers really send.

Source: RFC 2046, section 5.1; OData V2, batch processing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

_BOUNDARY: Final = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


class Part(NamedTuple):
    """Headers by lower-case name, and what follows them."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type with its parameters; empty when there is none."""
        return self.headers.get("content-type", "")


class MalformedMultipart(ValueError):
    """The body is not what its content type says."""


def boundary_of(content_type: str) -> str | None:
    """The boundary of a multipart content type; None for another type."""
    if not content_type.lower().lstrip().startswith("multipart/"):
        return None
    match = _BOUNDARY.search(content_type)
    return match[1].strip() if match else None


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """Split a multipart body. What follows a missing end is taken as far as it goes.

    Raises:
        MalformedMultipart: The type is not multipart, or no boundary is found in the body.
    """
    boundary = boundary_of(content_type)
    if boundary is None:
        raise MalformedMultipart("not a multipart type")
    delimiter = re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|$)")
    marks = list(delimiter.finditer(body))
    if not marks:
        raise MalformedMultipart("the boundary is missing")
    parts = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark[1]:
            break
        raw = body[mark.end() : following.start() if following else len(body)]
        parts.append(read_part(raw.removeprefix(b"\r").removeprefix(b"\n")))
    return parts


def read_part(raw: bytes) -> Part:
    """Headers and body of a part, or of an HTTP message behind its first line."""
    if raw.startswith((b"\r\n", b"\n")):
        return Part({}, raw.lstrip(b"\r\n"))
    head, _, body = _partition(raw)
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Part(headers, body)


def http_message(raw: bytes) -> tuple[str, Part]:
    """The first line of an HTTP message, and the rest of it."""
    line, _, rest = raw.lstrip(b"\r\n").partition(b"\n")
    return line.strip().decode("latin-1"), read_part(rest)


def write_parts(boundary: str, parts: Sequence[Part]) -> bytes:
    """A multipart body."""
    lines = []
    for part in parts:
        lines.append(b"--" + boundary.encode())
        lines += [f"{name}: {value}".encode("latin-1") for name, value in part.headers.items()]
        lines += [b"", part.body]
    lines += [b"--" + boundary.encode() + b"--", b""]
    return b"\r\n".join(lines)


def _partition(raw: bytes) -> tuple[bytes, bytes, bytes]:
    match = _BLANK_LINE.search(raw)
    return (raw[: match.start()], match[0], raw[match.end() :]) if match else (raw, b"", b"")
