"""The values an expression works with, and how they are read from a context.

A context is JSON; the language knows numbers, strings, bools, dates, durations and lists. Python's own types carry the
kinds: `datetime` (aware, UTC) is a date, `timedelta` a duration. Nothing is guessed: what does not fit raises
`Unevaluable` with a reason code, and the rule that asked is a FAIL.

One conversion is made, because JSON has neither dates nor durations: *where one is needed, a string is read as one*,
as a duration when it begins with P. Strings have no order and no difference of their own, so that this never changes
what an expression over strings means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final, NamedTuple, TypeAlias

from engine.decision import reasons
from engine.errors import InvalidInput
from engine.policy import literals

STRING_LISTS: Final = frozenset({"supplier_hashes", "ubo_hashes", "supplier_regions"})
"""The fields of a context that are lists of strings."""

DATE_LIST: Final = "audit_dates"
"""The field that is a list of dates, none of them after the evaluation time."""

ROOTS: Final = frozenset({"sanctions_root", "high_risk_root"})
"""The fields that name a reference set."""

FIELDS: Final = STRING_LISTS | ROOTS | {DATE_LIST}
"""The named fields; every other input is looked up among the variables."""

NUMBER, STRING, BOOL, DATE, DURATION, LIST = "number", "string", "bool", "date", "duration", "list"

KINDS: Final[dict[type, str]] = {
    int: NUMBER,
    float: NUMBER,
    str: STRING,
    bool: BOOL,
    datetime: DATE,
    timedelta: DURATION,
    list: LIST,
}
"""What a Python value is in the language. Looked up by exact type: bool is an int in Python and no number here."""

_SURE: Final = frozenset({int, str, bool, datetime, timedelta})
"""Types whose every value is one of the language."""

DATE_CACHE_SIZE: Final = 16_384


class Unevaluable(Exception):
    """An expression has no value here. Carries a reason code and nothing else."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unusable(NamedTuple):
    """Stands for an input that several rules share and none can use."""

    reason: str


class DateCache(dict[str, datetime]):
    """Parsed dates by their text, bounded; the same few audit dates come again and again.

    Emptied when full rather than kept in order of use: a caller who sends ever new dates costs a parse each, as they
    would without a cache, and never memory.
    """

    def __missing__(self, text: Any) -> datetime:
        date = parse_date(text)
        if len(self) >= DATE_CACHE_SIZE:
            self.clear()
        self[text] = date
        return date


DateReader: TypeAlias = Callable[[Any], datetime]
"""`DateCache.__getitem__` of one cache. Raises what `parse_date` does."""


def parse_date(text: Any) -> datetime:
    """Read an RFC 3339 date-time or full-date (midnight UTC), strictly.

    Raises:
        Unevaluable: `wrong_type` when it is no string, `bad_date` when it is no such date.
    """
    if type(text) is not str:
        raise Unevaluable(reasons.WRONG_TYPE)
    try:
        return literals.parse_date(text)
    except InvalidInput:
        raise Unevaluable(reasons.BAD_DATE) from None


def read_value(raw: Any, missing: str) -> Any:
    """A value of a context as the language sees it; the items of a list are looked at when they are used.

    Args:
        raw: Unverified JSON data.
        missing: The reason when there is none; null is none.

    Raises:
        Unevaluable: There is none, it is an object, NaN or an infinity.
    """
    kind = type(raw)
    if kind is str or kind is int or kind is list or kind is bool:
        return raw
    if raw is None:
        raise Unevaluable(missing)
    if kind is not float:
        raise Unevaluable(reasons.WRONG_TYPE)
    if not isfinite(raw):
        raise Unevaluable(reasons.NOT_FINITE)
    return raw


def read_strings(raw: Any) -> list[str] | Unusable:
    """A named field that is a list of strings. Never raises: it is read once for all rules that use it."""
    if type(raw) is not list:
        return Unusable(reasons.MISSING_INPUT if raw is None else reasons.WRONG_TYPE)
    try:
        "".join(raw)
    except TypeError:
        return Unusable(reasons.WRONG_TYPE)
    return raw


def usable_list(value: Any) -> list[str]:
    """A list field whose items are known to be strings, or what `read_strings` made of it.

    Raises:
        Unevaluable: It is no list, or unusable.
    """
    if type(value) is not list:
        raise Unevaluable(value.reason if type(value) is Unusable else reasons.WRONG_TYPE)
    return value


def read_dates(raw: Any, now: datetime, date_of: DateReader) -> list[datetime]:
    """The audit dates.

    Raises:
        Unevaluable: There are none, it is no list, or an item is no date or lies after `now`.
    """
    if type(raw) is not list:
        raise Unevaluable(reasons.MISSING_INPUT if raw is None else reasons.WRONG_TYPE)
    try:
        dates = list(map(date_of, raw))
    except TypeError:  # an item that cannot be a key, a list or an object
        raise Unevaluable(reasons.WRONG_TYPE) from None
    if dates and max(dates) > now:
        raise Unevaluable(reasons.DATE_IN_FUTURE)
    return dates


def latest_date(raw: Any, now: datetime, date_of: DateReader) -> datetime | None:
    """The latest of the audit dates; None where `read_dates` would find fault, or there are none."""
    if type(raw) is not list or not raw:
        return None
    try:
        latest = max(map(date_of, raw))
    except (Unevaluable, TypeError):
        return None
    return latest if latest <= now else None


def usable(value: Any) -> Any:
    """The value of a shared input or predicate. Raises Unevaluable where there is none."""
    if type(value) is Unusable:
        raise Unevaluable(value.reason)
    return value


def kind_of(value: Any) -> str:
    """What a value is in the language. Raises Unevaluable (`wrong_type`) for anything else."""
    kind = KINDS.get(type(value))
    if kind is None:
        raise Unevaluable(reasons.WRONG_TYPE)
    return kind


def read_items(items: Iterable[Any]) -> tuple[str | None, list[Any]]:
    """The items of a list, and the one kind they all have (None when there are none).

    Raises:
        Unevaluable: An item is no scalar, or not of the first one's kind; the first offender gives the reason.
    """
    items = list(items)
    types = set(map(type, items))
    if len(types) == 1 and not types.isdisjoint(_SURE):
        return KINDS[types.pop()], items
    read: list[Any] = []
    common = None
    for item in items:
        value = item if type(item) in (datetime, timedelta) else read_value(item, reasons.WRONG_TYPE)
        kind = kind_of(value)
        if kind == LIST or (read and kind != common):
            raise Unevaluable(reasons.WRONG_TYPE)
        common = kind
        read.append(value)
    return common, read


def as_date(value: Any) -> datetime:
    """A date, or a string read as one."""
    return value if type(value) is datetime else parse_date(value)


def as_duration(value: Any) -> timedelta:
    """A duration, or a string read as one (`wrong_type` when it is none)."""
    if type(value) is timedelta:
        return value
    try:
        return literals.parse_duration(value)
    except InvalidInput:
        raise Unevaluable(reasons.WRONG_TYPE) from None


def as_time(value: Any) -> Any:
    """A string as the duration or date it spells; every other value as it is."""
    if type(value) is not str:
        return value
    return as_duration(value) if value.startswith("P") else as_date(value)
