"""What a change would have done to recorded contexts: which verdicts flip, in which direction, because of which rules.

A summary is a value that adds up, so that chunks can be replayed anywhere and in any order with the same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

from engine.canonical import strict_json
from engine.decision.bucketing import BUCKETS
from engine.decision.context import check_context, context_hash
from engine.decision.decider import Decider
from engine.decision.verdict import Decision, Drift
from engine.errors import InvalidInput

PREVIEW_STEPS: Final = (2_500, BUCKETS)
"""The shares, in basis points, that flips are counted for: the steps of the default plan."""

KEPT_EXAMPLES: Final = 10
KEPT_LINES: Final = 10


class Example(NamedTuple):
    """A context whose verdict flips, known by its hash only."""

    line: int
    """Line number in the recording, from 1."""
    context_hash: str
    direction: str
    """A `Drift` value."""


class MalformedLine(NamedTuple):
    """A line that is no context."""

    line: int
    code: str
    """The error's code: `json.malformed`, `context.malformed`, ..."""


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """The difference between the baseline and the candidate over recorded contexts."""

    total: int = 0
    """Contexts that were judged."""
    flips: Counter[str] = field(default_factory=Counter)
    """Verdicts that differ, by direction (`Drift` values)."""
    explained: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Flips by (direction, rule id, reason); a flip that several rules explain counts for each."""
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Contexts by (baseline verdict, candidate verdict)."""
    flips_at: Counter[int] = field(default_factory=Counter)
    """Flips that a rollout at so many basis points would have enforced, see `PREVIEW_STEPS`."""
    malformed: Counter[str] = field(default_factory=Counter)
    """Lines that are no context, by error code."""
    examples: tuple[Example, ...] = ()
    """The first flips, by line; at most ten."""
    malformed_lines: tuple[MalformedLine, ...] = ()
    """The first malformed lines; at most ten."""

    @property
    def flip_total(self) -> int:
        """Verdicts that differ."""
        return self.flips.total()

    def __add__(self, other: ReplaySummary) -> ReplaySummary:
        return ReplaySummary(
            self.total + other.total,
            self.flips + other.flips,
            self.explained + other.explained,
            self.matrix + other.matrix,
            self.flips_at + other.flips_at,
            self.malformed + other.malformed,
            tuple(islice(merge(self.examples, other.examples), KEPT_EXAMPLES)),
            tuple(islice(merge(self.malformed_lines, other.malformed_lines), KEPT_LINES)),
        )

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON data, in a fixed order."""
        return {
            "total": self.total,
            "flips": {d.value: self.flips[d.value] for d in Drift if d is not Drift.NONE},
            "flip_ratio": self.flip_total / self.total if self.total else 0.0,
            "flips_at": {f"{points / 100:g}": self.flips_at[points] for points in PREVIEW_STEPS},
            "explained": [
                {"direction": direction, "rule_id": rule, "reason": reason, "count": count}
                for (direction, rule, reason), count in sorted(
                    self.explained.items(), key=lambda item: (-item[1], item[0])
                )
            ],
            "matrix": [
                {"baseline": baseline, "candidate": candidate, "count": count}
                for (baseline, candidate), count in sorted(self.matrix.items())
            ],
            "examples": [example._asdict() for example in self.examples],
            "malformed": dict(sorted(self.malformed.items())),
            "malformed_lines": [line._asdict() for line in self.malformed_lines],
        }


def replay_chunk(lines: Sequence[bytes], decider: Decider, *, at: datetime, first_line: int = 1) -> ReplaySummary:
    """Judge recorded contexts, one JSON document a line; blank lines are passed over.

    Args:
        lines: Unverified bytes.
        decider: The baseline and the candidate.
        at: The evaluation time, the same for all.
        first_line: The number of the first of these lines in the recording.
    """
    tally = _Tally()
    for number, line in enumerate(lines, first_line):
        if line.isspace() or not line:
            continue
        try:
            context = check_context(strict_json(line, what="A recorded context"))
            hash = context_hash(context)
        except InvalidInput as error:
            tally.count_malformed(number, error.code)
            continue
        decision = decider.decide(context, at=at, enforce=False, basis_points=0, unit=hash)
        tally.count(decision, number, hash)
    return tally.summary()


class _Tally:
    """A summary while it grows."""

    def __init__(self) -> None:
        self._matrix: Counter[tuple[str, str]] = Counter()
        self._flips: Counter[str] = Counter()
        self._explained: Counter[tuple[str, str, str]] = Counter()
        self._flips_at: Counter[int] = Counter()
        self._malformed: Counter[str] = Counter()
        self._examples: list[Example] = []
        self._malformed_lines: list[MalformedLine] = []

    def count(self, decision: Decision, line: int, hash: str) -> None:
        """Count one judged context."""
        self._matrix[decision.shadow.verdict.label, decision.candidate.verdict.label] += 1
        if decision.preview is Drift.NONE:
            return
        direction = decision.preview.value
        self._flips[direction] += 1
        for violation in decision.explain():
            self._explained[direction, violation.rule_id, violation.reason] += 1
        for points in PREVIEW_STEPS:
            if decision.bucket < points:
                self._flips_at[points] += 1
        if len(self._examples) < KEPT_EXAMPLES:
            self._examples.append(Example(line, hash, direction))

    def count_malformed(self, line: int, code: str) -> None:
        """Count one line that is no context."""
        self._malformed[code] += 1
        if len(self._malformed_lines) < KEPT_LINES:
            self._malformed_lines.append(MalformedLine(line, code))

    def summary(self) -> ReplaySummary:
        """What was counted."""
        return ReplaySummary(
            self._matrix.total(),
            self._flips,
            self._explained,
            self._matrix,
            self._flips_at,
            self._malformed,
            tuple(self._examples),
            tuple(self._malformed_lines),
        )
