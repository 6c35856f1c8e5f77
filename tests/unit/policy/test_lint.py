"""Lint: every code has a source that earns it, at the right place, with a fix."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidInput
from engine.policy import CODES, compile_policy, lint
from engine.policy.source import MAX_SOURCE_BYTES, MAX_VALUES
from tests.unit.policy.sources import GOOD, spoilt

DOCS = Path(__file__).parents[3] / "docs"

DEEP = "[" * 60 + "]" * 60

CASES = [
    ("E0001", b"#" * (MAX_SOURCE_BYTES + 1), 1, 1),
    ("E0002", GOOD.encode().replace(b"A policy", b"\xe9 policy"), 3, 14),
    ("E0003", spoilt("rules: [R2]", "rules: [R2"), 33, 1),
    ("E0003", spoilt("A policy", "A \x07policy"), 3, 16),
    ("E0003", spoilt("id: test.v1", "id: @test"), 1, 5),
    ("E0004", spoilt("  score:", "\tscore:"), 10, 1),
    ("E0005", spoilt('version: "1"', 'version: "1"\nid: again'), 3, 1),
    ("E0006", spoilt("id: test.v1", "id: &name test.v1"), 1, 5),
    ("E0006", spoilt("rules: [R2]", "rules: *rules"), 32, 14),
    ("E0007", spoilt('version: "1"', "version: !!str 1"), 2, 10),
    ("E0007", spoilt('version: "1"', "version: !!python/object/apply:os.getcwd []"), 2, 10),
    ("E0008", spoilt("rhs: P365D", f"rhs: {DEEP}"), 22, 55),
    ("E0008", ("[" + "1," * (MAX_VALUES + 1) + "]").encode(), 1, 2 * MAX_VALUES),
    ("E0009", GOOD.encode() + b"---\nid: other\n", 33, 1),
    ("E0010", b"# only a comment\n", 1, 1),
    ("E0011", spoilt("rhs: P365D", "rhs: .nan"), 22, 10),
    ("E0011", spoilt("rhs: P365D", "rhs: -.inf"), 22, 10),
    ("E0012", spoilt("rhs: P365D", "rhs: 9007199254740992"), 22, 10),
    ("E0012", spoilt("rhs: P365D", "rhs: " + "9" * 5000), 22, 10),
    ("E0012", spoilt("rhs: P365D", "rhs: 1e400"), 22, 10),
    ("E0012", spoilt("rhs: P365D", "rhs: 0.1234567890123456"), 22, 10),
    ("E0013", spoilt("  score:", "  5:"), 10, 3),
    ("E0013", spoilt("  score:", "  ? [a]\n  :"), 10, 5),
    ("E1001", spoilt("rules: [R2]", "rules: [R3]"), 32, 15),
    ("E1002", spoilt('legal_basis:\n  - { directive: LkSG, article: "§ 5(4)" }\n', ""), 1, 1),
    ("E1003", spoilt("id: R2", "id: R1"), 18, 9),
    ("E1004", spoilt("score >= 50", "high_and_open"), 26, 11),
    ("E1005", spoilt("score >= 50", "score >= 50 and score < 50"), 27, 13),
    ("E1006", spoilt("- id: high\n", "- id: open\n"), 26, 11),
    ("E1007", spoilt("when: high_and_open", "when: highest"), 31, 13),
    ("E1008", spoilt("id: high_and_open", "id: high"), 28, 11),
    ("E1009", spoilt("    severity: warn", "    severty: warn"), 23, 5),
    ("E1010", spoilt("    op: range_max\n", ""), 18, 5),
    ("E1010", spoilt("id: test.v1", "id:"), 1, 1),
    ("E1010", spoilt("list, items: date", "list"), 8, 16),
    ("E1011", b"- a list", 1, 1),
    ("E1011", spoilt('version: "1"', "version: 1.0"), 2, 10),
    ("E1011", spoilt("score: { type: number }", "score: { type: number, items: hash }"), 10, 33),
    ("E1011", spoilt("when: high_and_open", "when: []"), 31, 13),
    ("E1012", spoilt("id: test.v1", "id: ../../etc/passwd"), 1, 5),
    ("E1012", spoilt("  score:", "  the score:"), 10, 3),
    ("E1013", (GOOD[: GOOD.index("rules:")] + "rules: []\n").encode(), 1, 1),
    ("E1014", spoilt("score: { type: number }", "score: { type: numbr }"), 10, 18),
    ("E1015", spoilt("  open:", "  max:"), 11, 3),
    ("E1015", spoilt("- id: high\n", "- id: P1D\n"), 26, 11),
    ("E1016", spoilt("severity: warn", "severity: fatal"), 23, 15),
    ("E1017", spoilt("items: date", "items: string"), 8, 3),
    ("E2001", spoilt("op: range_max", "op: range_mx"), 20, 9),
    ("E2003", spoilt("max(audit_dates)", "max(audit_date)"), 21, 22),
    ("E2003", spoilt("lhs: supplier_hashes", "lhs: high"), 16, 10),
    ("E2004", spoilt("rhs: sanctions_root", "rhs: score"), 15, 9),
    ("E2005", spoilt("op: non_membership\n    lhs: supplier_hashes", "op: non_intersection\n    lhs: score"), 15, 9),
    ("E2006", spoilt("op: range_max", "op: eq").replace(b"P365D", b"365"), 20, 9),
    ("E2007", spoilt("op: range_max", "op: in"), 20, 9),
    ("E2008", spoilt("rhs: P365D", "rhs: 365"), 20, 9),
    ("E2009", spoilt("op: range_max", "op: threshold"), 20, 9),
    ("E3001", spoilt("score >= 50", "score >= "), 27, 21),
    ("E3002", spoilt("max(audit_dates)", "latest(audit_dates)"), 21, 18),
    ("E3003", spoilt("max(audit_dates)", "max()"), 21, 18),
    ("E3004", spoilt("score >= 50", "score >= 2026-01-31"), 27, 13),
    ("E3004", spoilt("score >= 50", "open or score"), 27, 21),
    ("E3005", spoilt("P365D", "P1Y"), 22, 10),
    ("E3005", spoilt("rhs: P365D", "rhs: { const: 0.5 }"), 22, 19),
    ("E3006", spoilt("score >= 50", "score" + " + 1" * 30 + " > 1"), 27, 13),
    ("E3007", spoilt("rhs: P365D", "rhs: { duratoin: P365D }"), 22, 10),
    ("E3007", spoilt("rhs: P365D", "rhs: { func: max, args: P365D }"), 22, 29),
    ("E3008", spoilt("score >= 50", "score"), 27, 13),
    ("W1002", spoilt("description: A policy for tests.\n", ""), 1, 1),
    ("W1003", spoilt("  score:", "  unused: { type: bool }\n  score:"), 10, 3),
    ("W1004", spoilt("rules: [R2]", "rules: [R2]\n    - { when: high_and_open, rules: [R1] }"), 33, 15),
    ("W1005", spoilt("rules: [R2]", "rules: [R2, R2]"), 32, 19),
    (
        "W1006",
        spoilt(
            "adaptivity:",
            "  - { id: R0, description: x, op: range_max, lhs: now()-max(audit_dates), rhs: P365D }\nadaptivity:",
        ),
        24,
        11,
    ),
    ("W1007", spoilt("when: high_and_open", "when: high"), 28, 11),
    ("W1008", spoilt("score >= 50", "score < 50 or score >= 50"), 27, 13),
    ("W1009", spoilt("    description: Nobody is listed.\n", ""), 13, 9),
]


@pytest.mark.parametrize(("code", "source", "line", "column"), CASES, ids=[case[0] for case in CASES])
def test_every_mistake_is_found_where_it_is(code, source, line, column):
    """The finding has its code, the line and column of the mistake, and a fix."""
    report = lint(source, file="p.yaml")
    places = {(f.line, f.column) for f in report.findings if f.code == code}
    assert places == {(line, column)}, [str(f) for f in report.findings]
    assert all(finding.message and finding.fix for finding in report.findings)


def test_every_code_is_tried():
    """No code stands in the table that no source can earn."""
    assert {case[0] for case in CASES} == set(CODES)


def test_every_code_is_documented():
    """docs/policy-language.md lists all codes, and no others."""
    text = (DOCS / "policy-language.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([EW]\d{4})` \|", text, re.MULTILINE)) == set(CODES)


def test_a_good_policy_has_no_findings():
    """Nothing is said about a source with nothing wrong in it, and it compiles."""
    report = lint(GOOD.encode(), file="p.yaml")
    assert report.findings == ()
    assert report.ok
    assert compile_policy(report.accepted()).policy_id == "test.v1"


def test_one_mistake_is_reported_once():
    """An unknown name does not drag type errors behind it."""
    report = lint(spoilt("score >= 50", "scor >= 50"), file="p.yaml")
    assert [f.code for f in report.findings] == ["W1003", "E2003"]
    assert report.findings[1].fix == "Did you mean `score`?"


def test_all_mistakes_are_reported_at_once():
    """An author sees everything that is wrong, in the order of the file."""
    source = GOOD.replace("range_max", "rnage_max").replace("[R2]", "[R9]").replace("score >= 50", "score >")
    report = lint(source.encode(), file="p.yaml")
    assert [f.code for f in report.errors] == ["E2001", "E3001", "E1001"]
    assert [f.line for f in report.findings] == sorted(f.line for f in report.findings)
    assert report.document is None


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ('"5"', "5"),
        ("'it''s'", "it's"),
        ("!", None),
    ],
)
def test_text_stays_text(written, value):
    """Nothing that YAML 1.1 turned into booleans, octals, dates or times of day is anything but text."""
    report = lint(spoilt("A policy for tests.", written), file="p.yaml")
    if value is None:
        assert not report.ok
    else:
        assert report.accepted().description == value


def test_bare_values_are_constants():
    """Numbers, booleans and lists of words need no quotation marks inside quotation marks."""
    source = spoilt("op: range_max", "op: in").replace(b"lhs: now() - max(audit_dates)", b"lhs: '\"DE\"'")
    report = lint(source.replace(b"rhs: P365D", b"rhs: [DE, FR]"), file="p.yaml")
    [rule] = [rule for rule in report.accepted().rules if rule.id == "R2"]
    assert rule.rhs == {"list": [{"const": "DE"}, {"const": "FR"}]}


def test_an_expression_may_be_written_as_data():
    """The JSON AST in a policy is the expression that its text is."""
    data = {"cmp": ">=", "args": [{"var": "score"}, {"const": 50}]}
    as_data = lint(spoilt("score >= 50", json.dumps(data)), file="p.yaml").accepted()
    assert as_data.predicates == lint(GOOD.encode(), file="p.yaml").accepted().predicates


def test_json_is_a_policy_too():
    """A policy may be JSON: it compiles to the same rules."""
    document = lint(GOOD.encode(), file="p.yaml").accepted()
    again = lint(json.dumps(document.data).encode(), file="p.json").accepted()
    assert compile_policy(again).canonical == compile_policy(document).canonical


def test_strict_refuses_and_relaxed_goes_on():
    """Without a legal basis strict refuses, with a count; relaxed compiles what can be compiled."""
    source = spoilt('legal_basis:\n  - { directive: LkSG, article: "§ 5(4)" }\n', "").replace(
        b">= 50", b"< 1 and score > 1"
    )
    report = lint(source, file="p.yaml")
    with pytest.raises(InvalidInput, match=r"p\.yaml:1:1: E1002 .* \(and 1 more error\)") as caught:
        report.accepted()
    assert caught.value.code == "policy.lint"
    assert report.accepted(strict=False).policy_id == "test.v1"


def test_relaxed_never_compiles_what_has_no_meaning():
    """An activation of a rule that does not exist is refused in every mode."""
    report = lint(spoilt("rules: [R2]", "rules: [R3]"), file="p.yaml")
    with pytest.raises(InvalidInput, match="E1001"):
        report.accepted(strict=False)


def test_a_report_is_data():
    """Scripts get findings with every member that people get."""
    data = lint(spoilt("op: range_max", "op: range_mx"), file="p.yaml").to_json()
    assert data["errors"] == 1
    assert data["findings"][0] == {
        "code": "E2001",
        "severity": "error",
        "message": "There is no operator 'range_mx'",
        "file": "p.yaml",
        "line": 20,
        "column": 9,
        "fix": "Did you mean `range_max`?",
    }


def test_windows_files_have_the_same_findings():
    """A byte-order mark and carriage returns change nothing."""
    source = spoilt("op: range_max", "op: range_mx")
    windows = b"\xef\xbb\xbf" + source.replace(b"\n", b"\r\n")
    assert lint(windows, file="p.yaml").findings == lint(source, file="p.yaml").findings


HOSTILE = {
    "thousands of unknown names": "  predicates:\n"
    + "".join(f"    - {{ id: q{i}, expr: hgih{i} }}\n" for i in range(4_000)),
    "a long chain": "  predicates:\n" + "".join(f"    - {{ id: q{i}, expr: q{i + 1} }}\n" for i in range(4_000)),
    "a doubling chain": "  predicates:\n"
    + "".join(f"    - {{ id: q{i}, expr: q{i + 1} and q{i + 1} }}\n" for i in range(50)),
    "many alternatives": "  predicates:\n"
    + "".join(
        f"    - {{ id: q{i}, expr: {' and '.join(f'(score > {n} or open)' for n in range(8))} and "
        f"{' and '.join(f'score > {n}' for n in range(200))} }}\n"
        for i in range(30)
    ),
    "a wide condition": f"  predicates:\n    - id: q\n      expr: {{ and: [{'open, ' * 5_000}] }}\n",
}


@pytest.mark.parametrize("predicates", HOSTILE.values(), ids=HOSTILE)
def test_hostile_policies_come_to_an_end(predicates):
    """Large and entangled policies are linted within the time of a test, not of a coffee."""
    report = lint(spoilt("  predicates:\n", predicates), file="p.yaml")
    assert report.findings


@given(st.binary() | st.text("abc:-[]{}#&*!|>'\"%@`,?\n\t 0").map(str.encode))
def test_no_bytes_are_a_surprise(data):
    """Whatever the file holds, lint answers with findings inside it."""
    report = lint(data, file="p.yaml")
    assert report.findings
    assert all(f.line >= 1 and f.column >= 1 for f in report.findings)


@given(st.data())
def test_no_spoilt_policy_is_a_surprise(data):
    """Cutting, repeating or overwriting any part of a policy never raises, and what is accepted compiles."""
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 40)))
    insert = data.draw(
        st.sampled_from(["", GOOD[start:end] * 2, "[]", "{}", "null", "1", "- ", ": ", "id: R1\n", "high"])
    )
    report = lint((GOOD[:start] + insert + GOOD[end:]).encode(), file="p.yaml")
    if report.document is not None:
        assert compile_policy(report.document).ir_hash
