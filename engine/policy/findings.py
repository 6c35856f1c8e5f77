"""What lint says: codes that never change their meaning, and findings that carry a place and a fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from engine.errors import InvalidInput
from engine.policy.document import PolicyDocument
from engine.policy.names import nearest

MAX_SUGGESTIONS: Final = 50


class Position(NamedTuple):
    """A place in a source file; both count from 1, columns in characters."""

    line: int
    column: int


class Code(NamedTuple):
    """What a lint code stands for."""

    title: str
    fix: str
    """What to do, where the finding itself knows nothing better."""
    blocks: bool = True
    """Whether no IR can be compiled while it stands. A warning never blocks."""


CODES: Final[Mapping[str, Code]] = {
    "E0001": Code("source too large", "Split the policy; 1 MiB is the limit."),
    "E0002": Code("not UTF-8", "Save the file as UTF-8."),
    "E0003": Code("malformed YAML", "Correct the syntax here; indentation and quotation marks are the usual causes."),
    "E0004": Code("tab in indentation", "Indent with spaces."),
    "E0005": Code("key written twice", "Keep one of the two."),
    "E0006": Code("anchor or alias", "Write the value out where it is used."),
    "E0007": Code("tag", "Remove the tag; text, numbers and true/false need none."),
    "E0008": Code("too deep or too many values", "Simplify the document."),
    "E0009": Code("several documents", "Put each policy into its own file."),
    "E0010": Code("empty source", "Start with `id:`, `version:`, `legal_basis:`, `inputs:` and `rules:`."),
    "E0011": Code("number that is not finite", "Write a finite number, or put text in quotation marks."),
    "E0012": Code("number that readers round", "Integers go to 2^53 - 1; fractions to 15 digits, without exponent."),
    "E0013": Code("key that is no text", "Write the key as a plain word."),
    "E1001": Code("unknown rule in an activation", "Name a rule of this policy."),
    "E1002": Code("no legal basis", "Add `legal_basis: [{directive: ..., article: ...}]`.", blocks=False),
    "E1003": Code("rule id used twice", "Rename one of the rules."),
    "E1004": Code("predicates refer to each other in a circle", "Break the circle: base one of them on inputs only."),
    "E1005": Code("predicate that can never hold", "Correct its comparisons; its rules would never run.", blocks=False),
    "E1006": Code("predicate named like an input", "Rename the predicate."),
    "E1007": Code("unknown predicate in `when`", "Name a predicate of this policy."),
    "E1008": Code("predicate id used twice", "Rename one of the predicates."),
    "E1009": Code("unknown key", "Remove it or correct its spelling."),
    "E1010": Code("missing key", "Add it."),
    "E1011": Code("value of the wrong kind", "See docs/policy-language.md for what belongs here."),
    "E1012": Code("malformed id", "Use letters, digits and `_`, at most 64."),
    "E1013": Code("no rules", "Add a rule: a policy without rules permits everything."),
    "E1014": Code("unknown input type", "Use number, string, bool, date, duration, hash, root, or list with `items`."),
    "E1015": Code("name with another meaning", "Choose a name that expressions cannot mistake."),
    "E1016": Code("unknown severity", "Write fail or warn."),
    "E1017": Code("context field declared with another type", "Declare it as the type that contexts have."),
    "E2001": Code("unknown operator", "See docs/policy-language.md for the operators."),
    "E2003": Code("unknown input", "Declare it under `inputs`, or correct its spelling."),
    "E2004": Code("operands of non_membership", "Left: a list of texts, or one; right: a root or a list."),
    "E2005": Code("operands of non_intersection", "Left: a list; right: a list or a root."),
    "E2006": Code("operands of eq", "Both sides need one type."),
    "E2007": Code("operands of in", "Left: one value; right: a list or a root."),
    "E2008": Code("operands of a range", "Compare numbers with numbers, dates with dates, durations with durations."),
    "E2009": Code("operands of threshold", "Both sides are numbers."),
    "E3001": Code("malformed expression", "Correct it here."),
    "E3002": Code("unknown function", "Use now, len, max, min, sum, add, sub, mul or abs."),
    "E3003": Code("wrong number of arguments", "Give as many as the function takes."),
    "E3004": Code("types that do not fit", "Compare and combine values of one type."),
    "E3005": Code("malformed constant", 'Write 50, 0.35, "DE", true, 2026-01-31 or P365D.'),
    "E3006": Code("expression too long or too deep", "Split it into several rules or predicates."),
    "E3007": Code("malformed expression data", "See docs/ir.md for the forms, or write the expression as text."),
    "E3008": Code("predicate that is no condition", "Compare it with something: `risk_score >= 50`."),
    "W1002": Code("no description", "Say in a sentence what the policy is for."),
    "W1003": Code("input that nothing uses", "Remove it, or use it."),
    "W1004": Code("predicate activated in several places", "Put its rules into one activation."),
    "W1005": Code("name repeated", "Name it once."),
    "W1006": Code("rule that repeats another", "Remove one of the two."),
    "W1007": Code("predicate that activates nothing", "Remove it, or name it in an activation."),
    "W1008": Code("predicate that always holds", "Its rules are always active: the activation can go."),
    "W1009": Code("rule without description", "Say in a sentence what the rule demands, for those who read reports."),
}
"""Every code. `E0` the source, `E1` the policy, `E2` rules, `E3` expressions, `W` warnings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, and what to do."""

    code: str
    message: str
    file: str
    line: int
    column: int
    fix: str

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        return "warning" if self.code.startswith("W") else "error"

    @property
    def title(self) -> str:
        """What the code stands for, in a few words."""
        return CODES[self.code].title

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.code} {self.message}"

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON data."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "fix": self.fix,
        }


class Findings:
    """Collects findings about one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: set[Finding] = set()
        self._suggestions = 0

    def add(self, code: str, message: str, at: Position, fix: str = "") -> None:
        """Add a finding; without a fix of its own it gets that of its code."""
        self._found.add(Finding(code, message, self._file, at.line, at.column, fix or CODES[code].fix))

    def meant(self, word: str, known: Iterable[str]) -> str:
        """The known name that a mistyped one most likely means; empty if none comes close.

        Looking is expensive, and nobody reads the hundredth suggestion: the first `MAX_SUGGESTIONS` words get one.
        """
        self._suggestions += 1
        return nearest(word, known) if self._suggestions <= MAX_SUGGESTIONS else ""

    def blocked(self) -> bool:
        """Whether something was found that no IR can be compiled with."""
        return any(finding.severity == "error" and CODES[finding.code].blocks for finding in self._found)

    def sorted(self) -> tuple[Finding, ...]:
        """All findings, by position, then code."""
        return tuple(sorted(self._found, key=lambda f: (f.line, f.column, f.code, f.message)))


@dataclass(frozen=True, slots=True)
class LintReport:
    """What lint found in one file."""

    file: str
    findings: tuple[Finding, ...]
    """By position."""
    document: PolicyDocument | None
    """None when an error blocks compiling (`Code.blocks`)."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    def accepted(self, *, strict: bool = True) -> PolicyDocument:
        """The document, if it may be compiled.

        Args:
            strict: Refuse on any error. Relaxed, only what makes an IR impossible refuses.

        Raises:
            InvalidInput: It may not (`policy.lint`); the message holds the first finding and counts the others.
        """
        if self.document is not None and (self.ok or not strict):
            return self.document
        first = next((f for f in self.errors if strict or CODES[f.code].blocks), self.errors[0])
        others = len(self.errors) - 1
        more = f" (and {others} more error{'s' if others > 1 else ''})" if others else ""
        raise InvalidInput("policy.lint", f"{first}{more}", first.fix)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data, without the document."""
        return {
            "file": self.file,
            "ok": self.ok,
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "findings": [finding.to_json() for finding in self.findings],
        }
