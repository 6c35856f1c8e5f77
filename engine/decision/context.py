"""What a context may look like, how its two forms become one, and its hash.

A context is unverified data from a caller. `check_context` settles its *shape*, within bounds, so that everything
behind it may rely on it; whether the *values* suffice for a rule (a date that is none, a root nobody imported) is the
evaluation's business and has reason codes. Errors name the place as a JSON pointer, never the value: contexts hold
personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

from engine.canonical import MAX_SAFE_INTEGER, canonical_json
from engine.errors import InvalidInput
from engine.ids import hash_bytes, hash_json

MAX_SUPPLIERS: Final = 10_000
MAX_ITEMS: Final = 100_000
"""Longest list other than the suppliers', ten for each of them."""
MAX_STRING: Final = 256
MAX_VARIABLES: Final = 1_000

Context: TypeAlias = dict[str, Any]
"""A context that passed `check_context`."""

SUPPLIERS: Final = "suppliers"
RECORD_LISTS: Final = ("ubo_hashes", "supplier_regions", "audit_dates")
_LIST_LIMITS: Final[Mapping[str, int]] = {"supplier_hashes": MAX_SUPPLIERS} | dict.fromkeys(RECORD_LISTS, MAX_ITEMS)
_AGGREGATES: Final = tuple(_LIST_LIMITS)


def check_context(data: Any) -> Context:
    """Make sure that unverified JSON data is a context, in the form that is evaluated.

    Per-supplier records are kept, and joined beside them into the aggregate lists (first-seen order, each item once).
    Checking a checked context again changes nothing.

    Args:
        data: Unverified JSON data. It is not changed, and parts of it are shared by the result.

    Raises:
        InvalidInput: It is no context. The message holds the JSON pointer of the offending part.
    """
    if not isinstance(data, dict):
        _refuse("", "is not an object")
    for name, value in data.items():
        check = _FIELDS.get(name) if isinstance(name, str) else None
        if check is None:
            _refuse(f"/{_escaped(name)}", "is no field of a context")
        check(value, f"/{name}")
    if SUPPLIERS not in data:
        return data
    joined = _joined(data[SUPPLIERS])
    for name in _AGGREGATES:
        if name in data and data[name] != joined[name]:
            _refuse(f"/{name}", "contradicts the suppliers' records")
    return {**data, **joined}


def context_hash(context: Mapping[str, Any]) -> str:
    """The hash of a checked context as its sender wrote it: joined lists beside per-supplier records do not count.

    Raises:
        InvalidInput: It has no canonical form, because a text holds half of a surrogate pair.
    """
    if SUPPLIERS in context:
        return hash_json({name: value for name, value in context.items() if name not in _AGGREGATES})
    # Every request passes here, and `check_context` left nothing but strings and lists of them outside the variables.
    return hash_bytes(canonical_json(context, unproven=context.get("variables")))


def records(context: Mapping[str, Any]) -> list[Context] | None:
    """A checked context's suppliers, each as a context of its own; None when it has no per-supplier records.

    A record stands over the fields that all share (roots and variables). What it lacks is missing: it inherits
    nothing from another supplier.
    """
    if SUPPLIERS not in context:
        return None
    shared = {name: value for name, value in context.items() if name not in _AGGREGATES and name != SUPPLIERS}
    return [_merged(shared, record) for record in context[SUPPLIERS]]


def _merged(shared: Context, record: Context) -> Context:
    own: Context = {name: record[name] for name in RECORD_LISTS if name in record}
    merged: Context = {**shared, **own, "supplier_hashes": [record["supplier_hash"]]}
    if "variables" in record:
        merged["variables"] = shared.get("variables", {}) | record["variables"]
    return merged


def _joined(suppliers: list[Context]) -> dict[str, list[str]]:
    joined: dict[str, list[str]] = {"supplier_hashes": [record["supplier_hash"] for record in suppliers]}
    for name in RECORD_LISTS:
        first_seen: dict[str, None] = {}
        for record in suppliers:
            first_seen.update(dict.fromkeys(record.get(name, ())))
        joined[name] = list(first_seen)
    return joined


def _check_strings(value: Any, pointer: str, limit: int) -> None:
    if type(value) is not list:
        _refuse(pointer, "is not a list")
    if len(value) > limit:
        _refuse(pointer, f"has more than {limit} items")
    try:
        "".join(value)  # one pass in C settles the common case
        if not value or max(map(len, value)) <= MAX_STRING:
            return
    except TypeError:
        pass
    for index, item in enumerate(value):
        _check_string(item, f"{pointer}/{index}")


def _check_string(value: Any, pointer: str) -> None:
    if type(value) is not str:
        _refuse(pointer, "is not a string")
    if len(value) > MAX_STRING:
        _refuse(pointer, f"is longer than {MAX_STRING} characters")


def _check_variables(value: Any, pointer: str) -> None:
    if type(value) is not dict:
        _refuse(pointer, "is not an object")
    if len(value) > MAX_VARIABLES:
        _refuse(pointer, f"has more than {MAX_VARIABLES} entries")
    for name, variable in value.items():
        if type(name) is str and len(name) <= MAX_STRING and (variable is None or _is_scalar(variable)):
            continue  # the common case: a pointer is made where something is to be said
        here = f"{pointer}/{_escaped(name)}"
        _check_string(name, here)
        if type(variable) is list:
            if len(variable) > MAX_ITEMS:
                _refuse(here, f"has more than {MAX_ITEMS} items")
            for index, item in enumerate(variable):
                if not _is_scalar(item):
                    _refuse_scalar(item, f"{here}/{index}")
        else:
            _refuse_scalar(variable, here)


def _is_scalar(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_STRING
    if kind is int or kind is float:
        # Beyond it RFC 8785 writes a fraction as an integer that I-JSON refuses; NaN fails the comparison.
        return bool(-MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER)
    return kind is bool


def _refuse_scalar(value: Any, pointer: str) -> NoReturn:
    if type(value) is str:
        _refuse(pointer, f"is longer than {MAX_STRING} characters")
    if type(value) is int or type(value) is float:
        _refuse(pointer, "is no number within 2^53 - 1")
    _refuse(pointer, "is neither a string, a number, true nor false")


def _check_suppliers(value: Any, pointer: str) -> None:
    if type(value) is not list:
        _refuse(pointer, "is not a list")
    if len(value) > MAX_SUPPLIERS:
        _refuse(pointer, f"has more than {MAX_SUPPLIERS} items")
    seen: set[str] = set()
    for index, record in enumerate(value):
        here = f"{pointer}/{index}"
        _check_record(record, here)
        if record["supplier_hash"] in seen:
            _refuse(f"{here}/supplier_hash", "stands in an earlier record already")
        seen.add(record["supplier_hash"])


def _check_record(record: Any, pointer: str) -> None:
    if type(record) is not dict:
        _refuse(pointer, "is not an object")
    for name, value in record.items():
        check = _RECORD_FIELDS.get(name) if isinstance(name, str) else None
        if check is None:
            _refuse(f"{pointer}/{_escaped(name)}", "is no field of a supplier's record")
        check(value, f"{pointer}/{name}")
    if "supplier_hash" not in record:
        _refuse(f"{pointer}/supplier_hash", "is missing")


def _refuse(pointer: str, what: str) -> NoReturn:
    raise InvalidInput(
        "context.malformed",
        f"The context is malformed: {pointer or 'it'} {what}",
        "See docs/architecture.md, Context, for its fields.",
    )


def _escaped(name: object) -> str:
    """A key as a JSON pointer writes it (RFC 6901, section 3), shortened, printable."""
    text = str(name)[:40].replace("~", "~0").replace("/", "~1")
    return "".join(c if c.isprintable() else "?" for c in text)


def _strings_up_to(limit: int) -> Callable[[Any, str], None]:
    return lambda value, pointer: _check_strings(value, pointer, limit)


_FIELDS: Final[Mapping[str, Callable[[Any, str], None]]] = {
    **{name: _strings_up_to(limit) for name, limit in _LIST_LIMITS.items()},
    "sanctions_root": _check_string,
    "high_risk_root": _check_string,
    "variables": _check_variables,
    SUPPLIERS: _check_suppliers,
}

_RECORD_FIELDS: Final[Mapping[str, Callable[[Any, str], None]]] = {
    **{name: _strings_up_to(MAX_ITEMS) for name in RECORD_LISTS},
    "supplier_hash": _check_string,
    "variables": _check_variables,
}
