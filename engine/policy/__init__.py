"""From a policy's YAML to the IR that is evaluated: document, lint, IR, canonical bytes, hashes.

Pure: bytes in, values out. Nothing here reads a file, asks the time or knows a network. Names are loaded on first use,
because every process imports `engine.policy.ir` and few lint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.policy.ast import ExpressionError
    from engine.policy.compile import compile_policy
    from engine.policy.diff import PolicyDiff, diff_policies
    from engine.policy.document import PolicyDocument
    from engine.policy.expression import parse_expression
    from engine.policy.findings import CODES, Finding, LintReport
    from engine.policy.formatting import format_expression
    from engine.policy.ir import PolicyIR
    from engine.policy.linting import lint
    from engine.policy.reading import read_ir
    from engine.policy.reference import ReferenceList, parse_reference_list

__all__ = [
    "CODES",
    "ExpressionError",
    "Finding",
    "LintReport",
    "PolicyDiff",
    "PolicyDocument",
    "PolicyIR",
    "ReferenceList",
    "compile_policy",
    "diff_policies",
    "format_expression",
    "lint",
    "parse_expression",
    "parse_reference_list",
    "read_ir",
]

__getattr__ = lazy_face(
    __name__,
    {
        "CODES": "findings",
        "ExpressionError": "ast",
        "Finding": "findings",
        "LintReport": "findings",
        "PolicyDiff": "diff",
        "PolicyDocument": "document",
        "PolicyIR": "ir",
        "ReferenceList": "reference",
        "compile_policy": "compile",
        "diff_policies": "diff",
        "format_expression": "formatting",
        "lint": "linting",
        "parse_expression": "expression",
        "parse_reference_list": "reference",
        "read_ir": "reading",
    },
)
