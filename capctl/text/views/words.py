"""How numbers, times, hashes and answers read, in every view alike."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from capctl.text.layout import Tone, Toned
from engine.clock import to_rfc3339

NOTHING: Final = "-"
SHORT_HASH: Final = len("sha3-256:") + 12
"""Characters of a hash that tell two apart on a screen; JSON output has the whole."""

VERDICT_TONES: Final = {"ok": Tone.GOOD, "warn": Tone.CAUTION, "fail": Tone.BAD}
ANSWER_TONES: Final = {"open": Tone.GOOD, "hold": Tone.CAUTION, "closed": Tone.BAD}


def percent(ratio: float | None) -> str:
    """A share as a percentage with two decimals: 0.0052 is `0.52 %`."""
    return NOTHING if ratio is None else f"{ratio * 100:.2f} %"


def seconds(value: float | None) -> str:
    """A duration in the unit that fits: `45 ms`, `3.2 s`, `5 min`, `2 h`."""
    if value is None:
        return NOTHING
    for limit, size, unit in ((1, 0.001, "ms"), (120, 1, "s"), (7200, 60, "min")):
        if value < limit:
            return f"{value / size:.3g} {unit}"
    return f"{value / 3600:.3g} h"


def moment(at: datetime | None) -> str:
    """A time in UTC to the second; `-` for none."""
    return NOTHING if at is None else to_rfc3339(at.replace(microsecond=0))


def short(hash: str | None) -> str:
    """The beginning of a hash."""
    if not hash:
        return NOTHING
    return hash[:SHORT_HASH] + "…" if len(hash) > SHORT_HASH else hash


def count(number: int, noun: str) -> str:
    """A number of things: `1 rule`, `3 rules`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verdict(label: str) -> Toned:
    """A verdict in its tone."""
    return Toned(label.upper(), VERDICT_TONES[label])


def answer(label: str) -> Toned:
    """A gate's answer: a word and a sign, so that colour is never all there is."""
    return Toned(f"{label.upper()} {GLYPHS[label]}", ANSWER_TONES[label])


GLYPHS: Final = {"open": "○", "hold": "…", "closed": "■"}
