"""Unverified bytes to an IR that can be trusted to be one.

Nothing is believed: the shape is checked, every expression is checked, names must resolve, the order must be the
canonical one, the hash is computed again, and the bytes must be the ones this house would have written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, TypeVar

from engine.canonical import strict_json
from engine.errors import InvalidInput
from engine.ids import is_hash
from engine.policy.ast import ExpressionError, check_ast
from engine.policy.cycles import find_cycle
from engine.policy.ir import IR_VERSION, Activation, PolicyIR, Predicate, Rule
from engine.policy.names import ID_PATTERN, NAME_PATTERN
from engine.policy.operators import OPERATORS, SEVERITIES

MAX_IR_BYTES: Final = 4 * 1024 * 1024
"""A policy source is at most 1 MiB; expressions grow by less than four when they become AST."""

_T = TypeVar("_T")


def read_ir(data: bytes) -> PolicyIR:
    """Read an IR v1 document.

    Args:
        data: Unverified bytes: canonical JSON, with at most one line break at the end.

    Raises:
        InvalidInput: It is no IR v1 (`ir.malformed`, `ir.unsupported_version`, `json.*`), its hash is another
            (`ir.hash_mismatch`), or its bytes are not canonical (`ir.not_canonical`).
    """
    if len(data) > MAX_IR_BYTES:
        raise InvalidInput("ir.too_large", f"The IR is larger than {MAX_IR_BYTES // 2**20} MiB", "Is it an IR?")
    unverified = strict_json(data, what="The IR")
    _check_version(unverified)
    document = _object(unverified, "", _MEMBERS)
    ir = PolicyIR(
        policy_id=_matching(document["policy_id"], "/policy_id", ID_PATTERN),
        policy_hash=_hash(document["policy_hash"], "/policy_hash"),
        rules=_sorted(_array(document["rules"], "/rules", _rule), "/rules", lambda rule: rule.id),
        **_adaptivity(document["adaptivity"]),
    )
    _check_references(ir)
    if _hash(document["ir_hash"], "/ir_hash") != ir.ir_hash:
        raise InvalidInput(
            "ir.hash_mismatch",
            "The IR is not the one its ir_hash was computed over",
            "It was changed after compilation: compile the policy again and compare.",
        )
    if data.removesuffix(b"\n") != ir.canonical:
        raise InvalidInput(
            "ir.not_canonical", "The IR is not in canonical form", "Use the bytes that `policy compile` wrote."
        )
    return ir


_MEMBERS: Final = ("ir_version", "policy_id", "policy_hash", "rules", "adaptivity", "ir_hash")


def _check_version(document: Any) -> None:
    # Before the shape: another version may have another one.
    if isinstance(document, dict) and document.get("ir_version", IR_VERSION) != IR_VERSION:
        raise InvalidInput(
            "ir.unsupported_version",
            f"This is not IR version {IR_VERSION}",
            "Compile the policy again with this version, or use the version that wrote it.",
        )


def _malformed(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("ir.malformed", f"The IR is malformed at {pointer or '/'}: {message}", "Compile it again.")


def _object(value: Any, pointer: str, keys: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _malformed(pointer, "an object is needed here")
    if value.keys() != set(keys):
        different = sorted(value.keys() ^ set(keys))[0]
        raise _malformed(pointer, f"{different[:40]!r} is {'missing' if different in keys else 'not known'}")
    return value


def _array(value: Any, pointer: str, read: Callable[[Any, str], _T]) -> tuple[_T, ...]:
    if not isinstance(value, list):
        raise _malformed(pointer, "a list is needed here")
    return tuple(read(item, f"{pointer}/{index}") for index, item in enumerate(value))


def _matching(value: Any, pointer: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _malformed(pointer, "this is not a valid id")
    return value


def _hash(value: Any, pointer: str) -> str:
    if not is_hash(value):
        raise _malformed(pointer, "this is not a hash")
    return str(value)


def _one_of(value: Any, pointer: str, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise _malformed(pointer, f"this is none of {', '.join(known)}")
    return value


def _expression(value: Any, pointer: str) -> dict[str, Any]:
    try:
        return dict(check_ast(value))
    except ExpressionError as error:
        raise _malformed("/".join((pointer, *map(str, error.path))), error.message) from error


def _rule(value: Any, pointer: str) -> Rule:
    members = _object(value, pointer, ("id", "op", "lhs", "rhs", "severity"))
    return Rule(
        id=_matching(members["id"], f"{pointer}/id", ID_PATTERN),
        op=_one_of(members["op"], f"{pointer}/op", tuple(OPERATORS)),
        lhs=_expression(members["lhs"], f"{pointer}/lhs"),
        rhs=_expression(members["rhs"], f"{pointer}/rhs"),
        severity=_one_of(members["severity"], f"{pointer}/severity", SEVERITIES),
    )


def _predicate(value: Any, pointer: str) -> Predicate:
    members = _object(value, pointer, ("id", "expr"))
    return Predicate(
        _matching(members["id"], f"{pointer}/id", NAME_PATTERN), _expression(members["expr"], f"{pointer}/expr")
    )


def _activation(value: Any, pointer: str) -> Activation:
    members = _object(value, pointer, ("when", "rules"))
    rules = _array(members["rules"], f"{pointer}/rules", lambda item, at: _matching(item, at, ID_PATTERN))
    return Activation(
        _matching(members["when"], f"{pointer}/when", NAME_PATTERN),
        _sorted(rules, f"{pointer}/rules", lambda rule_id: rule_id),
    )


def _adaptivity(value: Any) -> dict[str, Any]:
    members = _object(value, "/adaptivity", ("predicates", "activations"))
    predicates = _array(members["predicates"], "/adaptivity/predicates", _predicate)
    activations = _array(members["activations"], "/adaptivity/activations", _activation)
    return {
        "predicates": _sorted(predicates, "/adaptivity/predicates", lambda predicate: predicate.id),
        "activations": _sorted(activations, "/adaptivity/activations", lambda activation: activation.when),
    }


def _sorted(items: tuple[_T, ...], pointer: str, key: Callable[[_T], str]) -> tuple[_T, ...]:
    for before, after in pairwise(items):
        if key(before) >= key(after):
            raise _malformed(pointer, "the ids are not sorted, or one stands twice")
    return items


def _check_references(ir: PolicyIR) -> None:
    if not ir.rules:
        raise _malformed("/rules", "a policy without rules permits everything")
    rules = {rule.id for rule in ir.rules}
    predicates = {predicate.id: predicate.expr for predicate in ir.predicates}
    for index, activation in enumerate(ir.activations):
        pointer = f"/adaptivity/activations/{index}"
        if activation.when not in predicates:
            raise _malformed(f"{pointer}/when", "there is no such predicate")
        if not rules.issuperset(activation.rules):
            raise _malformed(f"{pointer}/rules", "there is no such rule")
    if find_cycle(predicates):
        raise _malformed("/adaptivity/predicates", "predicates refer to each other in a circle")
