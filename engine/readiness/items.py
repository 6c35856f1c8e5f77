"""The checklist: what must be true before enforcement, why, who answers for it, and how it is found out.

Items are data (`items/*.yaml`): one file per area, each item with a probe, which a machine runs, or an attestation,
which a person gives with evidence and which expires.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from typing import Any, Final

from engine.errors import InvalidInput, NotFound
from engine.ids import hash_bytes, hash_json
from engine.readiness.expectation import COMPARISONS, Expectation, parse_expectation

_AREA_FILES: Final = ("infrastructure.yaml", "security.yaml", "observability.yaml", "operations.yaml")
"""In the order of a reading."""
_ID: Final = re.compile(r"[a-z][a-z0-9]*\.[a-z0-9-]{1,40}")
_MEMBERS: Final = frozenset({"id", "title", "severity", "owner", "why"})
MAX_VALID_DAYS: Final = 365

PROBE_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "certificate": frozenset(),
    "chart": frozenset({"kind", "path"}),
    "cluster": frozenset({"kind", "path"}),
    "file": frozenset({"path"}),
    "http": frozenset({"json", "method", "path", "status"}),
    "prometheus": frozenset({"query"}),
    "registry": frozenset({"fact"}),
    "setting": frozenset({"name"}),
    "trail": frozenset({"action", "within_days"}),
}
"""By kind of probe: what it is told besides what it should find."""

_WITHOUT_EXPECTATION: Final = frozenset({"trail"})
"""Kinds whose members say everything."""


class Severity(StrEnum):
    """What an item that does not pass means."""

    HIGH = "high"
    """Nobody signs."""
    MEDIUM = "medium"
    """Said aloud in what is signed."""
    LOW = "low"
    """Noted."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A question that a machine answers."""

    kind: str
    arguments: Mapping[str, Any]
    expectation: Expectation | None
    """What it should find; None where the kind itself says it."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A question that a person answers, with evidence."""

    evidence: str
    """What to show."""
    valid_days: int


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the review."""

    id: str
    area: str
    title: str
    severity: Severity
    owner: str
    """A role, never a person."""
    why: str
    check: Probe | Attestation


@dataclass(frozen=True)
class Checklist:
    """Every item, in order."""

    items: tuple[Item, ...]
    areas: Mapping[str, str]
    """Title by area, in order."""
    sources: tuple[bytes, ...]

    @cached_property
    def hash(self) -> str:
        """Of everything the items say; a signature binds it."""
        return hash_json([hash_bytes(source) for source in self.sources])

    def item(self, item_id: str) -> Item:
        """An item by its id.

        Raises:
            NotFound: There is none.
        """
        for item in self.items:
            if item.id == item_id:
                return item
        raise NotFound("orr.no_item", f"The review has no item {item_id!r}", "`capctl orr show` lists them.")


def load_checklist() -> Checklist:
    """The checklist that ships with capctl."""
    directory = files("engine.readiness") / "items"
    return parse_checklist([(name, (directory / name).read_bytes()) for name in _AREA_FILES])


def parse_checklist(sources: Sequence[tuple[str, bytes]]) -> Checklist:
    """Read a checklist.

    Args:
        sources: Name and content of each file, in order.

    Raises:
        InvalidInput: A file is not what it should be; the message names the file and the item.
    """
    items: list[Item] = []
    areas: dict[str, str] = {}
    for name, source in sources:
        area, title, members = _read_area(name, source)
        areas[area] = title
        items += [_parse_item(member, area, f"{name}, item {at + 1}") for at, member in enumerate(members)]
    doubled = {item.id for item in items if sum(other.id == item.id for other in items) > 1}
    if doubled:
        raise _malformed(sources[0][0], f"{', '.join(sorted(doubled))} stands in it twice")
    return Checklist(tuple(items), areas, tuple(source for _, source in sources))


def _read_area(name: str, source: bytes) -> tuple[str, str, list[Any]]:
    from engine.policy.findings import Findings
    from engine.policy.source import read_tree, to_data

    findings = Findings(name)
    tree = read_tree(source, findings)
    if tree is None or findings.blocked():
        raise InvalidInput("orr.items_malformed", str(findings.sorted()[0]), findings.sorted()[0].fix)
    match to_data(tree):
        case {"area": str(area), "title": str(title), "items": [*members], **rest} if not rest:
            return area, title, members
    raise _malformed(name, "it must have `area`, `title` and `items`")


def _parse_item(data: Any, area: str, where: str) -> Item:
    if (
        not isinstance(data, dict)
        or data.keys() - _MEMBERS not in ({"probe"}, {"attest"})
        or not data.keys() >= _MEMBERS
    ):
        raise _malformed(where, f"it must have {', '.join(sorted(_MEMBERS))} and either `probe` or `attest`")
    if not all(isinstance(data[name], str) and data[name] for name in _MEMBERS) or not _ID.fullmatch(data["id"]):
        raise _malformed(where, "its members are texts, and its id is spelt like infra.autoscaling")
    try:
        severity = Severity(data["severity"])
    except ValueError:
        raise _malformed(where, f"severity is one of {', '.join(Severity)}") from None
    check = _parse_probe(data["probe"], where) if "probe" in data else _parse_attestation(data["attest"], where)
    return Item(data["id"], area, data["title"], severity, data["owner"], data["why"], check)


def _parse_probe(data: Any, where: str) -> Probe:
    if not isinstance(data, dict) or len(data) != 1:
        raise _malformed(where, "a probe is {kind: {...}}")
    kind, arguments = next(iter(data.items()))
    if kind not in PROBE_MEMBERS or not isinstance(arguments, dict):
        raise _malformed(where, f"there is no probe {kind!r}; there are {', '.join(PROBE_MEMBERS)}")
    unknown = arguments.keys() - PROBE_MEMBERS[kind] - COMPARISONS
    if unknown:
        raise _malformed(where, f"the probe {kind} knows no {', '.join(sorted(unknown))}")
    told = {name: value for name, value in arguments.items() if name in PROBE_MEMBERS[kind]}
    needs_none = kind in _WITHOUT_EXPECTATION or (kind == "http" and not arguments.keys() & COMPARISONS)
    return Probe(kind, told, None if needs_none else parse_expectation(arguments, where=where))


def _parse_attestation(data: Any, where: str) -> Attestation:
    match data:
        case {"evidence": str(evidence), "valid_days": int(days), **rest} if not rest and 1 <= days <= MAX_VALID_DAYS:
            return Attestation(evidence, days)
    raise _malformed(where, f"an attestation has `evidence` and `valid_days` (1 to {MAX_VALID_DAYS})")


def _malformed(where: str, problem: str) -> InvalidInput:
    return InvalidInput("orr.items_malformed", f"{where}: {problem}", "See the items that ship with capctl.")
