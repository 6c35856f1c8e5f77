"""A source tree to the parts of a policy.

Reading goes on after a mistake, so that an author sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.policy.ast import FUNCTIONS
from engine.policy.document import LegalBasis
from engine.policy.findings import Findings
from engine.policy.lexer import KEYWORDS
from engine.policy.literals import DURATION_SHAPE
from engine.policy.names import ID_PATTERN, NAME_PATTERN
from engine.policy.operators import OPERATORS, SEVERITIES
from engine.policy.placing import MisplacedError, read_expression
from engine.policy.source import Entry, ListNode, MapNode, Node, ScalarNode, to_data
from engine.policy.types import ANY, SCALARS, Type
from engine.policy.written import (
    Draft,
    Word,
    WrittenActivation,
    WrittenExpression,
    WrittenInput,
    WrittenPredicate,
    WrittenRule,
)


def read_draft(tree: Node, findings: Findings) -> Draft | None:
    """Read a policy from its source tree; None when the tree is no mapping at all."""
    return _DraftReader(findings).policy(tree)


_TYPE_WORDS: Final[Mapping[str, str]] = {"array": "list", "boolean": "bool", "integer": "number"}
"""JSON Schema's words for the types of inputs, which authors use out of habit."""


class _DraftReader:
    """Reads every part of a policy, reporting what does not belong."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def policy(self, tree: Node) -> Draft | None:
        members = self._members(
            tree,
            "A policy",
            required=("id", "version", "rules"),
            optional=("description", "legal_basis", "inputs", "adaptivity"),
        )
        if members is None:
            return None
        adaptivity = self._optional_members(members.get("adaptivity"), "adaptivity", ("predicates", "activations"))
        return Draft(
            at=tree.at,
            id=self._id(members.get("id"), "A policy's id"),
            version=self._word(members.get("version"), "The version"),
            description=self._text(members.get("description"), "The description"),
            legal_basis=tuple(filter(None, map(self._basis, self._items(members.get("legal_basis"), "legal_basis")))),
            inputs=self._inputs(members.get("inputs")),
            rules=tuple(filter(None, map(self._rule, self._items(members.get("rules"), "rules")))),
            predicates=tuple(
                filter(None, map(self._predicate, self._items(adaptivity.get("predicates"), "predicates")))
            ),
            activations=tuple(
                filter(None, map(self._activation, self._items(adaptivity.get("activations"), "activations")))
            ),
            data=to_data(tree),
        )

    def _members(
        self, node: Node, what: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, Node] | None:
        if not isinstance(node, MapNode):
            self._findings.add("E1011", f"{what} is a mapping of keys to values", node.at)
            return None
        known = (*required, *optional)
        for key, entry in node.entries.items():
            if key not in known:
                self._unknown_key(key, entry, known, what)
        members = {
            key: entry.value for key, entry in node.entries.items() if key in known and not _is_null(entry.value)
        }
        for key in required:
            if key not in members:
                self._findings.add("E1010", f"{what} needs `{key}`", node.at)
        return members

    def _optional_members(self, node: Node | None, what: str, optional: tuple[str, ...]) -> dict[str, Node]:
        return (self._members(node, what, (), optional) or {}) if node else {}

    def _unknown_key(self, key: str, entry: Entry, known: tuple[str, ...], what: str) -> None:
        meant = self._findings.meant(key, known)
        fix = f"Did you mean `{meant}`?" if meant else f"Known are {', '.join(known)}."
        self._findings.add("E1009", f"{what} has no key `{key[:40]}`", entry.key_at, fix)

    def _items(self, node: Node | None, what: str) -> tuple[Node, ...]:
        if node is None:
            return ()
        if not isinstance(node, ListNode):
            self._findings.add("E1011", f"`{what}` is a list", node.at, "Start each entry with `- `.")
            return ()
        return node.items

    def _word(self, node: Node | None, what: str) -> Word | None:
        if node is None:
            return None
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str) or not node.value:
            fix = f'Put it in quotation marks: "{node.text}".' if isinstance(node, ScalarNode) and node.text else ""
            self._findings.add("E1011", f"{what} is text", node.at, fix)
            return None
        return Word(node.value, node.at)

    def _text(self, node: Node | None, what: str) -> str:
        word = self._word(node, what)
        return word.text.strip() if word else ""

    def _id(self, node: Node | None, what: str) -> Word | None:
        word = self._word(node, what)
        if word and not ID_PATTERN.fullmatch(word.text):
            self._findings.add(
                "E1012",
                f"{what} cannot be {word.text[:40]!r}",
                word.at,
                "Use letters, digits, `_`, `.` and `-`, at most 64, starting with a letter or digit.",
            )
            return None
        return word

    def _name(self, word: Word | None, what: str) -> Word | None:
        if word is None:
            return None
        if not NAME_PATTERN.fullmatch(word.text):
            self._findings.add("E1012", f"{what} cannot be named {word.text[:40]!r}", word.at)
            return None
        if word.text in KEYWORDS or word.text in FUNCTIONS or DURATION_SHAPE.fullmatch(word.text):
            self._findings.add("E1015", f"In an expression, {word.text!r} means something else", word.at)
            return None
        return word

    def _basis(self, node: Node) -> LegalBasis | None:
        members = self._members(node, "A legal basis", ("directive", "article"), ())
        directive = self._text((members or {}).get("directive"), "The directive")
        article = self._text((members or {}).get("article"), "The article")
        return LegalBasis(directive, article) if directive and article else None

    def _inputs(self, node: Node | None) -> tuple[WrittenInput, ...]:
        if node is None:
            return ()
        if not isinstance(node, MapNode):
            self._findings.add("E1011", "`inputs` is a mapping of names to types", node.at)
            return ()
        inputs = []
        for key, entry in node.entries.items():
            name = self._name(Word(key, entry.key_at), "An input")
            if name:
                inputs.append(WrittenInput(name, self._type(entry.value)))
        return tuple(inputs)

    def _type(self, node: Node) -> Type:
        members = self._members(node, "An input", ("type",), ("items", "description")) or {}
        kind = self._type_name(members.get("type"))
        items = self._type_name(members.get("items"))
        if kind == "list":
            if "items" not in members:
                self._findings.add("E1010", "A list needs `items`: the type of what it holds", node.at)
            return Type("list", SCALARS.get(items, ANY))
        if "items" in members:
            self._findings.add("E1011", "Only a list has `items`", members["items"].at, "Remove it.")
        return SCALARS.get(kind, ANY)

    def _type_name(self, node: Node | None) -> str:
        word = self._word(node, "A type")
        if word is None:
            return ""
        name = _TYPE_WORDS.get(word.text, word.text)
        if name not in SCALARS and name != "list":
            meant = self._findings.meant(name, (*SCALARS, "list"))
            fix = f"Did you mean `{meant}`?" if meant else ""
            self._findings.add("E1014", f"There is no type {word.text[:40]!r}", word.at, fix)
        return name

    def _rule(self, node: Node) -> WrittenRule | None:
        members = self._members(node, "A rule", ("id", "op", "lhs", "rhs"), ("severity", "description"))
        if members is None:
            return None
        severity = self._word(members.get("severity"), "A severity")
        if severity and severity.text not in SEVERITIES:
            self._findings.add("E1016", f"There is no severity {severity.text[:40]!r}", severity.at)
        return WrittenRule(
            at=node.at,
            id=self._id(members.get("id"), "A rule's id"),
            op=self._operator(members.get("op")),
            lhs=self._expression(members.get("lhs")),
            rhs=self._expression(members.get("rhs")),
            severity=severity.text if severity else "fail",
            described=bool(self._text(members.get("description"), "The description")),
        )

    def _operator(self, node: Node | None) -> Word | None:
        word = self._word(node, "An operator")
        if word is None or word.text in OPERATORS:
            return word
        meant = self._findings.meant(word.text, OPERATORS)
        fix = f"Did you mean `{meant}`?" if meant else f"There are {', '.join(OPERATORS)}."
        self._findings.add("E2001", f"There is no operator {word.text[:40]!r}", word.at, fix)
        return None

    def _predicate(self, node: Node) -> WrittenPredicate | None:
        members = self._members(node, "A predicate", ("id", "expr"), ("description",))
        if members is None:
            return None
        self._text(members.get("description"), "The description")
        name = self._name(self._word(members.get("id"), "A predicate's id"), "A predicate")
        return WrittenPredicate(name, self._expression(members.get("expr")))

    def _activation(self, node: Node) -> WrittenActivation | None:
        members = self._members(node, "An activation", ("when", "rules"), ())
        if members is None:
            return None
        return WrittenActivation(
            self._words(members.get("when"), "`when`"), self._words(members.get("rules"), "`rules`")
        )

    def _words(self, node: Node | None, what: str) -> tuple[Word, ...]:
        if isinstance(node, ListNode):
            if not node.items:
                self._findings.add("E1011", f"{what} names at least one", node.at)
            return tuple(filter(None, (self._word(item, f"An entry of {what}") for item in node.items)))
        word = self._word(node, what)
        return (word,) if word else ()

    def _expression(self, node: Node | None) -> WrittenExpression | None:
        if node is None:
            return None
        try:
            return read_expression(node)
        except MisplacedError as error:
            self._findings.add(error.cause.finding, error.cause.message, error.at, error.cause.hint)
            return None


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None
