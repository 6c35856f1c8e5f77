"""Predicates that refer to each other in a circle, and would never come to an answer."""

from __future__ import annotations

from collections.abc import Mapping

from engine.policy.ast import variables
from engine.policy.ir import Ast


def find_cycle(predicates: Mapping[str, Ast]) -> tuple[str, ...]:
    """One circle among predicates, in the order of its references, starting at its smallest id; empty if none.

    Args:
        predicates: Expressions by predicate id. Names that are no predicate are inputs, and end a chain.
    """
    # Depth first without recursion: a document may hold thousands of predicates in one chain.
    finished: set[str] = set()
    for start in sorted(predicates):
        chain: dict[str, None] = {}  # ordered, and quick to ask
        pending = [(start, False)]
        while pending:
            current, leaving = pending.pop()
            if leaving:
                finished.add(chain.popitem()[0])
                continue
            if current in chain:
                names = tuple(chain)
                return _from_smallest(names[names.index(current) :])
            if current in finished:
                continue
            chain[current] = None
            pending.append((current, True))
            references = variables(predicates[current]) & predicates.keys()
            pending.extend((name, False) for name in sorted(references, reverse=True))
    return ()


def _from_smallest(cycle: tuple[str, ...]) -> tuple[str, ...]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]
