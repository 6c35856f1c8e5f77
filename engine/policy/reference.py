"""Reference lists: sanctions lists, high-risk regions, and whatever else a rule looks things up in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from engine.canonical import strict_json
from engine.errors import InvalidInput
from engine.ids import merkle_root

MAX_LIST_BYTES: Final = 512 * 1024 * 1024
MAX_MEMBERS: Final = 5_000_000
MAX_MEMBER: Final = 256
"""Longest member, in characters."""


@dataclass(frozen=True)
class ReferenceList:
    """A list as it was read."""

    members: frozenset[str]
    duplicates: int
    """How many entries repeated another."""

    @property
    def count(self) -> int:
        """Distinct members."""
        return len(self.members)

    @cached_property
    def root(self) -> str:
        """The Merkle root that names the list: contexts refer to it by this."""
        return merkle_root(self.members)


def parse_reference_list(data: bytes, *, what: str = "The list") -> ReferenceList:
    """Read a reference list.

    Args:
        data: Unverified bytes: UTF-8 text with one member a line (blank lines and lines starting with `#` do not
            count), a JSON list of texts, or a JSON object `{"members": [...]}`.
        what: How to name the list in an error.

    Raises:
        InvalidInput: It is none of these, too large, or a member is too long or holds control characters.
    """
    if len(data) > MAX_LIST_BYTES:
        raise InvalidInput("list.too_large", f"{what} has more than {MAX_LIST_BYTES // 2**20} MiB", "Split it.")
    is_json = data.lstrip()[:1] in (b"[", b"{")
    entries = _json_entries(data, what) if is_json else _lines(data, what)
    if len(entries) > MAX_MEMBERS:
        raise InvalidInput("list.too_large", f"{what} has more than {MAX_MEMBERS:,} members", "Split it.")
    members = frozenset(entries)
    if not members:
        raise InvalidInput("list.empty", f"{what} has no members", "An empty list would let everything pass.")
    if not all(map(_is_member, members)):
        culprit = next(number for number, entry in enumerate(entries, start=1) if not _is_member(entry))
        raise InvalidInput(
            "list.malformed",
            f"{what}: entry {culprit} is empty, not printable or longer than {MAX_MEMBER} characters",
            "Write one member a line, as plain text.",
        )
    return ReferenceList(members, len(entries) - len(members))


def _is_member(entry: str) -> bool:
    return 0 < len(entry) <= MAX_MEMBER and entry.isprintable()


def _lines(data: bytes, what: str) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput("list.not_utf8", f"{what} is not UTF-8 (line {line})", "Save it as UTF-8.") from error
    stripped = map(str.strip, text.split("\n"))
    return [line for line in stripped if line and line[0] != "#"]


def _json_entries(data: bytes, what: str) -> list[str]:
    document = strict_json(data, what=what)
    entries: Any = document.get("members") if isinstance(document, dict) else document
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise InvalidInput(
            "list.malformed",
            f"{what} is JSON, but no list of texts",
            'Write ["member", ...] or {"members": ["member", ...]}.',
        )
    return entries
