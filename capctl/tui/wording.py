"""How numbers, times and hashes are spelt on the screen. One spelling each, so that columns line up and words agree."""

from __future__ import annotations

import math
from datetime import datetime, tzinfo
from typing import Final

NOTHING: Final = "—"
"""Stands where there is no value; a number is never made up."""


def share(ratio: float | None) -> str:
    """A share in 0..1 as a percentage with two decimals: `0.12 %`."""
    return NOTHING if ratio is None or not math.isfinite(ratio) else f"{ratio * 100:.2f} %"


def hundredths(ratio: float | None) -> str:
    """A share in a column that is in percent: `0.12`."""
    return NOTHING if ratio is None or not math.isfinite(ratio) else f"{ratio * 100:.2f}"


def percent(value: float) -> str:
    """A percentage without needless decimals: `25 %`, `12.5 %`."""
    return f"{value:.2f}".rstrip("0").rstrip(".") + " %"


def rollout_share(basis_points: int) -> str:
    """Basis points as a percentage: 2500 is `25 %`."""
    return percent(basis_points / 100)


def latency(seconds: float | None) -> str:
    """A latency: `0.8 ms`, `12 ms`, `1.4 s`, `> 74 s` beyond what is measured."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    if math.isinf(seconds):
        return "> 74 s"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def rate(per_s: float) -> str:
    """Requests a second: `0.4`, `204`, `1,980`."""
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.1f}"


def count(number: int) -> str:
    """A number of things: `1,204`."""
    return f"{number:,}"


def duration(seconds: float | None) -> str:
    """A stretch of time in its two largest units: `12 s`, `2 min`, `1 h 5 min`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def age(seconds: float | None) -> str:
    """How old something is, never younger than it is: whole seconds, rounded up."""
    return NOTHING if seconds is None else duration(max(1, math.ceil(seconds)))


def sentence(text: str) -> str:
    """A fragment as a sentence begins: with a capital letter, unless a key or the command itself begins it."""
    first = text.partition(" ")[0]
    is_typed = first == "capctl" or (len(first) == 1 and first != "a")
    return text if is_typed else text[:1].upper() + text[1:]


def clock_time(moment: datetime, zone: tzinfo | None) -> str:
    """A wall time in the operator's zone: `14:32:07`."""
    return moment.astimezone(zone).strftime("%H:%M:%S")


def zone_name(moment: datetime, zone: tzinfo | None) -> str:
    """What the operator's zone is called: `CET`."""
    return moment.astimezone(zone).strftime("%Z")


def short_hash(digest: str) -> str:
    """The first eight digits of a hash, enough to compare by eye."""
    return digest.removeprefix("sha3-256:")[:8] or NOTHING
