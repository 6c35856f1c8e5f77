"""Canonical JSON (RFC 8785, JCS): the one spelling of a document, so that equal documents have equal hashes.

orjson with sorted keys already writes RFC 8785 for everything but floats, keys outside the basic plane and integers
beyond 2^53 - 1, and it does so a hundred times faster than a writer in Python. `canonical_json` therefore uses it when
the document is *plain*, and `rfc8785` for the rest. Which of the two wrote it cannot be told from the bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from engine.errors import InvalidInput

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 7493, section 2.2)."""

MAX_DEPTH = 64
"""Deepest nesting that is read. A policy needs six; a parser bomb needs thousands."""


def canonical_json(value: Any) -> bytes:
    """Write `value` as RFC 8785 canonical JSON.

    Args:
        value: JSON data: None, bool, int, float, str, list, tuple or dict with str keys.

    Raises:
        InvalidInput: The value is no JSON, holds NaN or an infinity, or an integer beyond 2^53 - 1.

    Source: RFC 8785, section 3.2.
    """
    if _is_plain(value):
        import orjson

        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # e.g. a lone surrogate, which UTF-8 cannot carry
            pass
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidInput(
            "json.not_canonical",
            "The document has no canonical JSON form",
            "Numbers must be finite and at most 2^53 - 1; text must be valid Unicode; nesting must be shallow.",
        ) from error


def strict_json(data: bytes, *, what: str = "The document") -> Any:
    """Read JSON as RFC 8259 and I-JSON mean it: UTF-8, no NaN, no duplicate keys, bounded depth.

    Args:
        data: Unverified bytes.
        what: How to name the document in an error.

    Raises:
        InvalidInput: It is not JSON, or JSON that two readers could understand differently.

    Source: RFC 8259; RFC 7493 (I-JSON), sections 2.1 to 2.3.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "json.not_utf8", f"{what} is not UTF-8 (byte {error.start})", "Save it as UTF-8 without a byte-order mark."
        ) from error
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
        text.encode("utf-8")
        _check_depth(value)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            "json.malformed",
            f"{what} is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            "Check it with any JSON tool; comments and trailing commas are not JSON.",
        ) from error
    except _NotStrictError as error:
        raise InvalidInput(
            "json.ambiguous", f"{what} is not strict JSON: {error}", "Write each key once, and finite numbers."
        ) from None
    except (RecursionError, ValueError) as error:
        raise InvalidInput(
            "json.malformed", f"{what} is nested too deeply or holds a number too long to read", "Simplify it."
        ) from error
    return value


class _NotStrictError(ValueError):
    """Readable as JSON, but not by every reader in the same way."""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _NotStrictError(f"the key {key[:80]!r} stands twice")
    return document


def _no_constant(name: str) -> Any:
    raise _NotStrictError(f"{name} is not a JSON number")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, list | dict)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise _NotStrictError(f"it is nested deeper than {MAX_DEPTH} levels")


def _is_plain(value: Any) -> bool:
    """Whether orjson and RFC 8785 agree on this value: no floats, big integers, or keys beyond ASCII."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER)
    if kind is list or kind is tuple:
        return _is_plain_list(value)
    if kind is dict:
        return _is_plain_object(value)
    return False


def _is_plain_list(items: list[Any]) -> bool:
    try:
        # One pass in C settles the common case, a long list of hashes.
        "".join(items)
    except TypeError:
        return all(map(_is_plain, items))
    return True


def _is_plain_object(members: Mapping[Any, Any]) -> bool:
    try:
        if not "".join(members).isascii():
            return False
    except TypeError:
        return False
    return all(map(_is_plain, members.values()))
