"""Request bodies that are nearly right: what breaks a service is seldom far from what it expects."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([2**53, -(2**53), 1e300, 0.005, 25.001, "", "x" * 257, "2026-01-31", "0001-01-01T00:00:00+23:59"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, valid: st.SearchStrategy[Any], names: list[str]) -> Any:
    """A valid body with up to two of its parts replaced, removed, repeated or added.

    Args:
        draw: Given by hypothesis.
        valid: Where it starts from.
        names: Members worth adding.
    """
    body = copy.deepcopy(draw(valid))
    for _ in range(draw(st.integers(0, 2))):
        spots = list(_containers(body))
        if not spots:
            break
        _change(draw, draw(st.sampled_from(spots)), names)
    return body


def _containers(value: Any) -> Any:
    if isinstance(value, dict | list):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from _containers(child)


def _change(draw: st.DrawFn, container: Any, names: list[str]) -> None:
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    action = draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "add" or not keys:
        if isinstance(container, dict):
            container[draw(st.sampled_from(names))] = draw(JSON)
        else:
            container.append(copy.deepcopy(draw(st.sampled_from(container))) if container else draw(JSON))
        return
    key = draw(st.sampled_from(keys))
    if action == "remove":
        del container[key]
    else:
        container[key] = draw(JSON)
