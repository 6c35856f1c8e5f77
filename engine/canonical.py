"""Canonical JSON (RFC 8785, JCS): the one spelling of a document, so that equal documents have equal hashes.

orjson with sorted keys already writes RFC 8785 for everything but some floats and keys outside the basic plane, and it
does so a hundred times faster than a writer in Python. `canonical_json` therefore keeps what it wrote when the document
is *plain*, and uses `rfc8785` for the rest. Which of the two wrote it cannot be told from the bytes.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from engine.errors import InvalidInput

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 7493, section 2.2)."""

_ALL_OF_IT: Final = object()

MAX_DEPTH = 64
"""Deepest nesting that is read. A policy needs six; a parser bomb needs thousands."""


def canonical_json(value: Any, *, unproven: Any = _ALL_OF_IT) -> bytes:
    """Write `value` as RFC 8785 canonical JSON.

    Args:
        value: JSON data: None, bool, int, float, str, list, tuple or dict with str keys.
        unproven: The part of `value` that is still to be looked at; all of it by default. For a caller on a hot path
            who knows already that the rest is made of strings, lists of strings and objects with ASCII keys.

    Raises:
        InvalidInput: The value is no JSON, holds NaN or an infinity, or an integer beyond 2^53 - 1.

    Source: RFC 8785, section 3.2.
    """
    try:
        # Raises on what JSON does not know, on integers beyond 2^53 - 1, on lone surrogates and on circles.
        write, options = _fast_writer()
        written = write(value, None, options)
    except TypeError:
        pass
    else:
        if _is_plain(value if unproven is _ALL_OF_IT else unproven):
            return written
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
    """Read JSON as RFC 8259 and I-JSON mean it: UTF-8, finite numbers, no duplicate keys, bounded depth.

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
        value = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite_number
        )
        _check_depth(value)
        _check_unicode(value, text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            "json.malformed",
            f"{what} is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            "Check it with any JSON tool; comments and trailing commas are not JSON.",
        ) from error
    except _NotStrictError as error:
        raise InvalidInput(
            "json.ambiguous",
            f"{what} is not strict JSON: {error}",
            "Write each key once, finite numbers, and whole characters.",
        ) from None
    except (RecursionError, ValueError) as error:
        raise InvalidInput(
            "json.malformed", f"{what} is nested too deeply or holds a number too long to read", "Simplify it."
        ) from error
    return value


def strict_json_at_once(data: bytes, *, what: str = "The document") -> Any:
    """Read JSON as `strict_json` does, in a third of the time where it is written compactly, as machines write it.

    What is written back as the very same bytes had no key twice, no number that cannot be kept, and no other spelling.
    Everything else takes the strict reader, which also names what is wrong. For hot paths; loads orjson.

    Raises:
        InvalidInput: It is no strict JSON.
    """
    import orjson

    try:
        document = orjson.loads(data)
        if orjson.dumps(document) == data and (_is_shallow(data) or _depth_is_bounded(document)):
            return document
    except (orjson.JSONDecodeError, TypeError):
        pass
    return strict_json(data, what=what)


def _is_shallow(data: bytes) -> bool:
    """Whether there are so few brackets that they cannot nest too deeply."""
    # Splitting jumps from one bracket to the next; counting looks at every byte, and takes longer than reading JSON.
    opened = len(data.split(b"[", MAX_DEPTH + 1)) + len(data.split(b"{", MAX_DEPTH + 1)) - 2
    return opened <= MAX_DEPTH


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


def _finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotStrictError("it holds a number beyond the range of IEEE 754 doubles")
    return number


def _check_unicode(value: Any, text: str) -> None:
    # The bytes were valid UTF-8; only an escape can have made half of a surrogate pair.
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _NotStrictError("it holds half of a surrogate pair") from None


def _check_depth(value: Any) -> None:
    if not _depth_is_bounded(value):
        raise _NotStrictError(f"it is nested deeper than {MAX_DEPTH} levels")


def _depth_is_bounded(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, list | dict)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return True
    return False


@cache
def _fast_writer() -> tuple[Callable[[Any, None, int], bytes], int]:
    """The writer of orjson and its options, imported on first use, because most commands write nothing.

    Kept, because even an import that finds its module already loaded costs 0.1 µs.
    """
    import orjson

    return orjson.dumps, orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


_CONTAINERS = frozenset({dict, list, tuple})


def _is_plain(value: Any) -> bool:
    """Whether a document that orjson could write holds nothing that it writes otherwise than RFC 8785.

    That is: no float but those both spell alike, nothing that is no JSON (orjson also knows dates and enumerations),
    and no key beyond ASCII, because RFC 8785 sorts by UTF-16 code units and orjson by code points.

    Every request's context passes here, so one loop visits all containers instead of a call for each. What orjson could
    write has no circles, and the loop ends.
    """
    containers = [value if type(value) in _CONTAINERS else (value,)]
    for container in containers:
        members = container
        if type(container) is dict:
            if not "".join(container).isascii():
                return False
            members = container.values()
        for member in members:
            kind = type(member)
            if kind is str or kind is int or kind is bool or member is None:
                continue
            if kind is float:
                if not _is_plain_float(member):
                    return False
            elif kind is list:
                try:
                    # One pass in C settles the common case, a long list of hashes.
                    "".join(member)
                except TypeError:
                    containers.append(member)
            elif kind is dict or kind is tuple:
                containers.append(member)
            else:
                return False
    return True


def _is_plain_float(number: float) -> bool:
    """Whether both writers spell a float alike: the shortest digits, a fraction, and no exponent in either."""
    return 1e-4 < abs(number) < 1e15 and not number.is_integer()
