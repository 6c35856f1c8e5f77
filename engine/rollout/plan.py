"""Rollout plans as people write them: percentages, hold times, limits.

    auto: true
    gate: {drift_max_ratio: 0.005}
    steps:
      - {percent: 0, hold: 5m}
      - {percent: 25, hold: PT15M, gate: {min_samples: 500}}
      - 100

Reading takes data that a YAML or JSON parser made; every error names the place and says what would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import pairwise
from typing import Any, Final

from engine.drift.gate import GateSettings
from engine.errors import InvalidInput
from engine.rollout.state import FULL, RolloutPlan, Step

DEFAULT_PERCENTS: Final = (0, 25, 100)
DEFAULT_HOLD_S: Final = 300.0
"""Five minutes: the shortest window has then seen nothing but this step."""
MAX_HOLD_S: Final = 30 * 86_400.0
MAX_STEPS: Final = 100
_LONGEST_REPEATED: Final = 8
"""Characters; a percentage has up to six."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?", re.ASCII)
_SHORT_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_ISO_DURATION = re.compile(r"P(?:(\d+)W|(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?)", re.ASCII)
_ISO_UNIT_S: Final = (604_800.0, 86_400.0, 3600.0, 60.0, 1.0)


def parse_percent(value: object) -> int:
    """Read a percentage as basis points: 25, 12.5, "25" and "25%" are 2500, 1250, 2500, 2500.

    Raises:
        InvalidInput: It is no number, not within 0..100, or finer than 0.01 %.
    """
    text = value if isinstance(value, str) else repr(value)
    digits = text.strip().removesuffix("%").rstrip()
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not _NUMBER.fullmatch(digits):
        raise InvalidInput(
            "rollout.percent_malformed",
            f"{_repeated(text, repr(text))} is not a percentage",
            "Write a number from 0 to 100: 25 or 12.5.",
        )
    whole, _, fraction = digits.lstrip("+").partition(".")
    # Integers throughout: 0.29 * 100 is not 29 in binary floating point.
    basis_points = int(whole + fraction.ljust(2, "0")[:2])
    finer = fraction[2:].strip("0")
    if whole.startswith("-") or basis_points > FULL or (basis_points == FULL and finer):
        raise InvalidInput(
            "rollout.percent_range",
            _repeated(text, f"{text} %") + " is not within 0..100",
            "Write a number from 0 to 100: 25 or 12.5.",
        )
    if finer:
        raise InvalidInput(
            "rollout.percent_resolution",
            _repeated(text, f"{text} %") + " is finer than 0.01 %",
            "Use at most two decimals: 0.25.",
        )
    return basis_points


def _repeated(text: str, shown: str) -> str:
    """A text as an error repeats it: one mistyped, and nothing longer that may have been pasted by mistake."""
    return shown if len(text) <= _LONGEST_REPEATED else "What was given"


def to_percent(basis_points: int) -> int | float:
    """Basis points as a percentage, an integer where it is one: 2500 is 25, 1250 is 12.5."""
    whole, rest = divmod(basis_points, 100)
    return basis_points / 100 if rest else whole


def parse_hold(value: object, *, where: str = "hold") -> float:
    """Read a hold time in seconds: 90, "90s", "5m", "1h", or ISO 8601 such as "PT15M" and "P1DT12H".

    Raises:
        InvalidInput: It is none of these, or not within 0 and 30 days.
    """
    seconds = _seconds(value)
    if seconds is None:
        raise InvalidInput(
            "rollout.hold_malformed",
            f"{where}: {str(value)[:40]!r} is not a hold time",
            "Write seconds, or 90s, 5m, 1h, or ISO 8601 such as PT15M; months and years have no fixed length.",
        )
    if not 0 <= seconds <= MAX_HOLD_S:
        raise InvalidInput(
            "rollout.hold_range", f"{where}: {str(value)[:40]} is not within 0 and 30 days", "Write 0s to 30d."
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = value.strip()
    if short := _SHORT_DURATION.fullmatch(text):
        return float(short[1]) * _UNIT_S[short[2]]
    iso = _ISO_DURATION.fullmatch(text)
    if iso and any(iso.groups()):
        return sum(float(part) * unit for part, unit in zip(iso.groups(), _ISO_UNIT_S, strict=True) if part)
    return None


def default_plan(
    gate: GateSettings | None = None, *, hold_s: float = DEFAULT_HOLD_S, auto: bool = False
) -> RolloutPlan:
    """The plan where nobody gave one: 0, 25, 100 %."""
    settings = gate or GateSettings()
    return RolloutPlan(tuple(Step(percent * 100, hold_s, settings) for percent in DEFAULT_PERCENTS), auto)


def plan_of_percents(
    text: str, *, gate: GateSettings | None = None, hold_s: float = DEFAULT_HOLD_S, auto: bool = False
) -> RolloutPlan:
    """Read a plan from its percentages alone: "0,25,100". Raises InvalidInput as `parse_plan` does."""
    settings = gate or GateSettings()
    steps = tuple(Step(parse_percent(part), hold_s, settings) for part in text.split(","))
    _check_order(steps)
    return RolloutPlan(steps, auto)


def parse_plan(document: object, *, gate: GateSettings | None = None) -> RolloutPlan:
    """Read a plan from data.

    Args:
        document: `steps` (a list of percentages, or of mappings with `percent`, `hold` and `gate`), and optionally
            `auto` and a `gate` whose limits every step starts from. Unverified.
        gate: The limits where the document names none.

    Raises:
        InvalidInput: Something in it is unknown, malformed, out of range, or out of order; the message says where.
    """
    plan = _mapping(document, "The plan", {"steps", "auto", "gate"})
    limits = parse_gate(plan.get("gate", {}), base=gate)
    auto = plan.get("auto", False)
    if not isinstance(auto, bool):
        raise InvalidInput(
            "rollout.plan_malformed", f"auto: {str(auto)[:40]!r} is not true or false", "Write true or false."
        )
    entries = plan.get("steps")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not 1 <= len(entries) <= MAX_STEPS:
        raise InvalidInput(
            "rollout.plan_malformed",
            f"steps: the plan needs a list of 1 to {MAX_STEPS} steps",
            "Write for example steps: [0, 25, 100].",
        )
    steps = tuple(_parse_step(entry, limits, f"steps[{i}]") for i, entry in enumerate(entries))
    _check_order(steps)
    return RolloutPlan(steps, auto)


def plan_to_json(plan: RolloutPlan) -> dict[str, Any]:
    """A plan as data that `parse_plan` reads back to the same plan."""
    return {
        "auto": plan.auto,
        "steps": [
            {"percent": to_percent(step.basis_points), "hold": step.hold_s, "gate": asdict(step.gate)}
            for step in plan.steps
        ],
    }


def _parse_step(entry: object, gate: GateSettings, where: str) -> Step:
    if not isinstance(entry, Mapping):
        entry = {"percent": entry}
    step = _mapping(entry, where, {"percent", "hold", "gate"})
    if "percent" not in step:
        raise InvalidInput("rollout.plan_malformed", f"{where} has no percent", "Give each step a percent, such as 25.")
    try:
        basis_points = parse_percent(step["percent"])
    except InvalidInput as error:
        raise InvalidInput(error.code, f"{where}.percent: {error.message}", error.hint) from None
    hold_s = parse_hold(step.get("hold", DEFAULT_HOLD_S), where=f"{where}.hold")
    return Step(basis_points, hold_s, parse_gate(step.get("gate", {}), base=gate, where=f"{where}.gate"))


def _check_order(steps: Sequence[Step]) -> None:
    if steps[0].basis_points != 0:
        raise InvalidInput(
            "rollout.plan_start",
            f"The plan starts at {to_percent(steps[0].basis_points)} %, without evidence",
            "Put a step at 0 first: there everything is measured and nothing enforced.",
        )
    for before, after in pairwise(steps):
        if after.basis_points <= before.basis_points:
            raise InvalidInput(
                "rollout.plan_order",
                f"The plan goes from {to_percent(before.basis_points)} % to {to_percent(after.basis_points)} %",
                "Each step must be higher than the one before; going down needs no plan, use rollback.",
            )


def parse_gate(document: object, *, base: GateSettings | None = None, where: str = "gate") -> GateSettings:
    """Read gate settings from data; what is not given comes from `base`.

    Raises:
        InvalidInput: A key is unknown, or a value has the wrong type or range; the message says where.
    """
    names = {f.name for f in fields(GateSettings)}
    given = _mapping(document, where, names)
    read = {name: _setting(name, value, f"{where}.{name}") for name, value in given.items()}
    settings = replace(base or GateSettings(), **read)
    if settings.evidence == "sequential" and settings.drift_max_ratio == 0:
        raise InvalidInput(
            "rollout.limit_unprovable",
            f"{where}.drift_max_ratio: no number of requests proves a limit of 0",
            "Give a limit above 0, or set evidence: point for the plain rule.",
        )
    return settings


def _setting(name: str, value: object, where: str) -> Any:
    accepts, wanted = _SETTINGS[name]
    if not accepts(value):
        raise InvalidInput("rollout.gate_setting", f"{where}: {str(value)[:40]!r} is not {wanted}", f"Write {wanted}.")
    return float(value) if isinstance(value, int) and name not in _WHOLE else value


def _number(low: float, high: float, *, open_low: bool = False) -> Callable[[object], bool]:
    def accepts(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return low < value <= high if open_low else low <= value <= high

    return accepts


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _limit_or_none(value: object) -> bool:
    return value is None or _RATIO[0](value)


_RATIO: Final = (_number(0, 1), "a share from 0 to 1, such as 0.005")
_OPTIONAL_RATIO: Final = (_limit_or_none, _RATIO[1])
_WHOLE: Final = frozenset({"min_samples", "min_mismatches"})
_SETTINGS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "drift_max_ratio": _RATIO,
    "max_5xx_ratio": _RATIO,
    "p95_limit_s": (_number(0, 60, open_low=True), "seconds above 0 and up to 60, such as 0.6"),
    "min_samples": (_whole(1, 10_000_000), "a whole number from 1 to 10000000"),
    "evidence": (lambda value: value in ("sequential", "point"), "sequential or point"),
    "alpha": (_number(1e-9, 0.5), "an error probability from 1e-9 to 0.5, such as 0.05"),
    "min_mismatches": (_whole(1, 10_000), "a whole number from 1 to 10000"),
    # A source older than a minute is silent whatever a plan says (semantics.md, Rollout).
    "max_age_s": (_number(0, 60, open_low=True), "seconds above 0 and up to 60"),
    "over_block_max_ratio": _OPTIONAL_RATIO,
    "under_block_max_ratio": _OPTIONAL_RATIO,
    "unknown_max_ratio": _OPTIONAL_RATIO,
}


def _mapping(document: object, where: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidInput(
            "rollout.plan_malformed", f"{where} is not a mapping", f"It has the keys {', '.join(sorted(known))}."
        )
    unknown = sorted(str(key) for key in document if key not in known)
    if unknown:
        raise InvalidInput(
            "rollout.plan_unknown_key",
            f"{where} has an unknown key {unknown[0][:40]!r}",
            f"Known: {', '.join(sorted(known))}.",
        )
    return document
