"""Whether the audit trail still is what it was when a review was signed.

The trail grows with everything that happens, also with every promotion that asks for the signature; so the question
must not cost more, the longer it is. The chain answers it. Each line names the hash of the one before, so the hash of
the last line at that time, which is signed, commits to every line up to there: whoever rewrites one, and those after
it so that the chain is sound again, has changed the last one as well.

From there the lines are followed backwards. A line that has the hash which its successor names is the one that was
recorded; the most recent ones, among them those of the review itself, are looked at each time. A line further back
that was altered alone leaves a chain that is broken there: that is found by reading everything, which `capctl orr
verify`, `capctl audit verify` and every verifier do.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Final, NamedTuple

from engine.audit import EMPTY
from engine.ids import hash_bytes
from engine.ports import AuditLog

LINES_LOOKED_AT: Final = 1_000
"""A page of the registry: some milliseconds, however long the trail is."""


class TrailMark(NamedTuple):
    """A place in the trail, and everything up to it."""

    size: int
    """In records."""
    head: str
    """Hash of the last of them; `EMPTY.hash` where there are none."""


def still_leads_to(trail: AuditLog, mark: TrailMark, *, most: int | None = LINES_LOOKED_AT) -> bool:
    """Whether the trail is, up to a mark, what it was when the mark was made.

    Args:
        trail: As it is now; it may have grown.
        mark: From a source that is trusted.
        most: How many lines are looked at; None for every one of them.
    """
    expected, reached = mark.head, mark.size
    for seq, line in islice(trail.audit_numbered_back(before=mark.size + 1), most):
        if seq != reached or hash_bytes(line) != expected:
            return False
        expected, reached = _before(line), reached - 1
    is_whole = (expected, reached) == (EMPTY.hash, EMPTY.seq)
    return is_whole or (most is not None and mark.size - reached == most)


def _before(line: bytes) -> str:
    """The hash of the line before one whose own hash fits; empty, which no line has, where it is no record at all."""
    try:
        return str(json.loads(line)["prev"])
    except (KeyError, TypeError, ValueError):
        return ""
