"""Random expressions and policies for the tests of the policy room."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.canonical import MAX_SAFE_INTEGER
from engine.policy.ast import COMPARISONS, FUNCTIONS
from engine.policy.lexer import KEYWORDS
from engine.policy.literals import DURATION_SHAPE

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in KEYWORDS and not DURATION_SHAPE.fullmatch(name)
)

CONSTANTS = st.one_of(
    st.fixed_dictionaries({"const": st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.booleans() | TEXTS}),
    st.fixed_dictionaries({"decimal": st.from_regex(r"-?(0|[1-9][0-9]{0,6})\.[0-9]{0,6}[1-9]", fullmatch=True)}),
    st.fixed_dictionaries({"date": st.dates().map(lambda day: day.isoformat())}),
    st.fixed_dictionaries({"date": st.datetimes().map(lambda at: at.isoformat(timespec="seconds") + "Z")}),
    st.fixed_dictionaries({"duration": st.sampled_from(["P365D", "PT12H", "P2W", "P1DT2H3M4S", "PT0S"])}),
)


def _calls(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.fixed_dictionaries(
            {
                "func": st.just(name),
                "args": st.lists(inner, min_size=FUNCTIONS[name][0], max_size=min(FUNCTIONS[name][1], 3)),
            }
        )
    )


def _compound(inner: st.SearchStrategy) -> st.SearchStrategy:
    pairs = st.lists(inner, min_size=2, max_size=2)
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        _calls(inner),
        st.fixed_dictionaries({"cmp": st.sampled_from(COMPARISONS), "args": pairs}),
        st.fixed_dictionaries({"and": several}),
        st.fixed_dictionaries({"or": several}),
        st.fixed_dictionaries({"not": inner}),
    )


ATOMS = st.one_of(
    CONSTANTS,
    st.fixed_dictionaries({"var": NAMES}),
    st.fixed_dictionaries({"list": st.lists(CONSTANTS, max_size=3)}),
)

EXPRESSIONS = st.recursive(ATOMS, _compound, max_leaves=12)
"""Well-formed expressions, sensible or not."""
