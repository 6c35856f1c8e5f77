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
        chain: list[str] = []
        pending = [(start, False)]
        while pending:
            current, leaving = pending.pop()
            if leaving:
                finished.add(chain.pop())
                continue
            if current in chain:
                return _from_smallest(tuple(chain[chain.index(current) :]))
            if current in finished:
                continue
            chain.append(current)
            pending.append((current, True))
            references = variables(predicates[current]) & predicates.keys()
            pending.extend((name, False) for name in sorted(references, reverse=True))
    return ()


def _from_smallest(cycle: tuple[str, ...]) -> tuple[str, ...]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]
