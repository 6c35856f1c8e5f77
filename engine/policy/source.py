"""Unverified bytes to a tree of values that know their place.

YAML in its strictest useful form: one document, UTF-8, no anchors, aliases or tags, every key once, and scalars by a
core schema of true, false, null, integers and decimals. Everything else is text, so that `no`, `012`, `12:30` and
`2026-01-31` are what the author sees. Whatever is refused becomes a finding, never an exception.

Source: YAML 1.2.2, section 10.3 (core schema), narrowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from engine.canonical import MAX_SAFE_INTEGER
from engine.policy.findings import Findings, Position
from engine.policy.literals import MAX_DECIMAL_DIGITS

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

MAX_SOURCE_BYTES: Final = 1024 * 1024
MAX_TREE_DEPTH: Final = 48
"""Room for the deepest expression written as AST (20 levels of two), inside a rule, inside the list of rules."""
MAX_VALUES: Final = 50_000

_START: Final = Position(1, 1)


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """Text, a number, true, false or null."""

    value: str | int | float | bool | None
    at: Position
    text: str
    """As written, without quotation marks: keeps a decimal exact."""
    text_at: Position | None
    """Where the first character of `text` stands; None when escapes or folding moved characters about."""


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    items: tuple[Node, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Entry:
    """A value under its key."""

    key_at: Position
    value: Node


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping; all keys are text."""

    entries: Mapping[str, Entry]
    at: Position


Node: TypeAlias = ScalarNode | ListNode | MapNode


def to_data(node: Node) -> Any:
    """The tree as JSON data."""
    match node:
        case MapNode(entries):
            return {key: to_data(entry.value) for key, entry in entries.items()}
        case ListNode(items):
            return [to_data(item) for item in items]
        case ScalarNode(value):
            return value


def read_tree(data: bytes, findings: Findings) -> Node | None:
    """Read YAML.

    Args:
        data: Unverified bytes.
        findings: Where to say what is wrong.

    Returns:
        The tree; None when it could not be read to its end.
    """
    text = _decode(data, findings)
    if text is None:
        return None
    import yaml

    try:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _TreeBuilder(events, findings).document()
    except _RefusedError as refusal:
        findings.add(refusal.code, str(refusal), refusal.at)
    except yaml.MarkedYAMLError as error:
        _add_syntax_error(error, text, findings)
    except yaml.YAMLError:
        findings.add("E0003", "The file cannot be read as YAML", _START)
    return None


class _RefusedError(Exception):
    """Reading cannot go on from here."""

    def __init__(self, code: str, message: str, at: Position) -> None:
        super().__init__(message)
        self.code = code
        self.at = at


_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML forbids (YAML 1.2.2, section 5.1)."""


def _decode(data: bytes, findings: Findings) -> str | None:
    if len(data) > MAX_SOURCE_BYTES:
        findings.add("E0001", f"The source has {len(data):,} bytes; the limit is {MAX_SOURCE_BYTES:,}", _START)
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        read = data[: error.start].decode("utf-8-sig")
        findings.add("E0002", f"Byte {error.start} is not UTF-8", _end_of(read))
        return None
    forbidden = _NOT_PRINTABLE.search(text)
    if forbidden:
        at = _end_of(text[: forbidden.start()])
        findings.add("E0003", f"The control character U+{ord(forbidden.group()):04X} may not stand in YAML", at)
        return None
    return text


def _end_of(text: str) -> Position:
    """The position of the character that would follow `text`."""
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _add_syntax_error(error: Any, text: str, findings: Findings) -> None:
    mark = error.problem_mark or error.context_mark
    at = _position(mark) if mark else _START
    lines = text.split("\n")
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        findings.add("E0004", "A tab stands in the indentation", Position(at.line, line.index("\t") + 1))
    else:
        problem = error.problem or error.context or "it cannot be read"
        findings.add("E0003", f"This is not YAML: {problem}", at)


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


class _TreeBuilder:
    """Builds the tree from parser events, so that nothing is constructed before it is bounded."""

    def __init__(self, events: Iterator[Event], findings: Findings) -> None:
        self._events = events
        self._findings = findings
        self._count = 0

    def document(self) -> Node:
        from yaml.events import DocumentStartEvent, StreamEndEvent

        next(self._events)
        if isinstance(next(self._events), StreamEndEvent):
            raise _RefusedError("E0010", "There is no policy in the file", _START)
        root = self._node(next(self._events), depth=1)
        next(self._events)
        following = next(self._events)
        if isinstance(following, DocumentStartEvent):
            raise _RefusedError("E0009", "A second document starts here", _position(following.start_mark))
        return root

    def _node(self, event: Event, depth: int) -> Node:
        from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

        at = _position(event.start_mark)
        self._count += 1
        if depth > MAX_TREE_DEPTH or self._count > MAX_VALUES:
            raise _RefusedError("E0008", "The document is too deep or holds too many values", at)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError("E0006", "Anchors and aliases are not read", at)
        if getattr(event, "tag", None):
            raise _RefusedError("E0007", "Tags are not read", at)
        if isinstance(event, MappingStartEvent):
            return MapNode(self._entries(depth), at)
        if isinstance(event, SequenceStartEvent):
            return ListNode(tuple(self._items(depth)), at)
        assert isinstance(event, ScalarEvent)
        return self._scalar(event, at)

    def _items(self, depth: int) -> Iterator[Node]:
        from yaml.events import SequenceEndEvent

        while not isinstance(event := next(self._events), SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, Entry]:
        from yaml.events import MappingEndEvent

        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, ScalarNode) or not isinstance(key.value, str):
                self._findings.add("E0013", "A key is a word, not a number, a list or nothing", key.at)
            elif key.value in entries:
                first = entries[key.value].key_at
                self._findings.add("E0005", f"{key.value[:40]!r} stands in line {first.line} already", key.at)
            else:
                entries[key.value] = Entry(key.at, value)
        return entries

    def _scalar(self, event: ScalarEvent, at: Position) -> ScalarNode:
        text: str = event.value
        quoted = event.style in ("'", '"')
        end = _position(event.end_mark)
        verbatim = at.line == end.line and end.column - at.column == len(text) + 2 * quoted
        text_at = Position(at.line, at.column + quoted) if verbatim else None
        value = text if event.style else self._plain(text, at)
        return ScalarNode(value, at, text, text_at)

    def _plain(self, text: str, at: Position) -> str | int | float | bool | None:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) <= _LONGEST_INTEGER and abs(int(text)) <= MAX_SAFE_INTEGER:
                return int(text)
            self._findings.add("E0012", "The number is too large to be read alike everywhere", at)
        elif _DECIMAL.fullmatch(text):
            if sum(map(str.isdigit, text)) <= MAX_DECIMAL_DIGITS:
                return float(text)
            self._findings.add("E0012", f"The number has more than {MAX_DECIMAL_DIGITS} digits", at)
        elif _EXPONENT.fullmatch(text):
            self._findings.add("E0012", "Numbers are written without exponent", at)
        elif _NOT_FINITE.fullmatch(text):
            self._findings.add("E0011", f"{text} is not a number that can be compared with", at)
        return text


_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_LONGEST_INTEGER: Final = len(str(-MAX_SAFE_INTEGER))
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_EXPONENT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+")
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)
