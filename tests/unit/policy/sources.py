"""A small policy source that lint has nothing to say about, to be spoilt one way at a time."""

from __future__ import annotations

GOOD = """\
id: test.v1
version: "1"
description: A policy for tests.
legal_basis:
  - { directive: LkSG, article: "§ 5(4)" }
inputs:
  supplier_hashes: { type: list, items: hash }
  audit_dates: { type: list, items: date }
  sanctions_root: { type: root }
  score: { type: number }
  open: { type: bool }
rules:
  - id: R1
    description: Nobody is listed.
    op: non_membership
    lhs: supplier_hashes
    rhs: sanctions_root
  - id: R2
    description: Audits are fresh.
    op: range_max
    lhs: now() - max(audit_dates)
    rhs: P365D
    severity: warn
adaptivity:
  predicates:
    - id: high
      expr: score >= 50
    - id: high_and_open
      expr: high and open
  activations:
    - when: high_and_open
      rules: [R2]
"""


def spoilt(old: str, new: str) -> bytes:
    """The good source with one place changed."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new).encode()
