"""Probes: a yes only where it was seen, side by side, and never a wait without an end."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.context import Progress
from engine.errors import Unavailable
from engine.readiness.expectation import parse_expectation
from engine.readiness.items import Checklist, parse_checklist
from engine.readiness.probing import Observed, run_probes, values_at
from engine.readiness.review import Answer

ITEMS = b"""
area: a
title: A
items:
  - {id: a.one, title: t, severity: high, owner: o, why: w, probe: {setting: {name: x, at_least: 2}}}
  - {id: a.two, title: t, severity: high, owner: o, why: w, probe: {chart: {kind: Secret, absent: true}}}
  - {id: a.word, title: t, severity: high, owner: o, why: w, attest: {evidence: e, valid_days: 1}}
"""


def checklist() -> Checklist:
    return parse_checklist([("items.yaml", ITEMS)])


def find(observers: dict[str, Any], **options: Any) -> dict[str, Answer]:
    seen: list[Progress] = []
    findings = run_probes(checklist().items, observers, ManualClock(), emit=seen.append, **options)
    assert len(seen) <= len(findings)
    return {item: finding.answer for item, finding in findings.items()}


def test_what_is_seen_is_compared() -> None:
    observers = {"setting": lambda _: Observed([2], "x is 2"), "chart": lambda _: Observed([], "none")}
    assert find(observers) == {"a.one": Answer.PASSED, "a.two": Answer.PASSED}
    observers = {"setting": lambda _: Observed([1], "x is 1"), "chart": lambda _: Observed(["s"], "one")}
    assert find(observers) == {"a.one": Answer.FAILED, "a.two": Answer.FAILED}


def test_nothing_seen_is_no_yes() -> None:
    assert find({"setting": lambda _: Observed([], "nothing")})["a.one"] is Answer.FAILED


def test_what_cannot_be_looked_at_is_unknown() -> None:
    def blind(_: Any) -> Observed:
        raise Unavailable("x.down", "it is down", "wait")

    def broken(_: Any) -> Observed:
        raise ZeroDivisionError

    assert find({"setting": blind, "chart": broken}) == {"a.one": Answer.UNKNOWN, "a.two": Answer.UNKNOWN}
    assert find({}) == {"a.one": Answer.UNKNOWN, "a.two": Answer.UNKNOWN}


def test_one_that_hangs_holds_up_nobody() -> None:
    """The one that hangs is unknown; the other's answer counts."""
    release = threading.Event()

    def hangs(_: Any) -> Observed:
        release.wait(30)
        return Observed([2], "late")

    try:
        observers = {"setting": hangs, "chart": lambda _: Observed([], "none")}
        assert find(observers, round_lasts_s=0.2) == {"a.one": Answer.UNKNOWN, "a.two": Answer.PASSED}
    finally:
        release.set()


@pytest.mark.parametrize(
    ("expectation", "values", "met"),
    [
        ({"equals": True}, [True], True),
        ({"equals": True}, [1], False),
        ({"at_least": 2}, [2, 3], True),
        ({"at_least": 2}, [2, 1], False),
        ({"at_least": 2}, ["3"], False),
        ({"at_most": 2}, [True], False),
        ({"one_of": ["a", "b"]}, ["b"], True),
        ({"matches": "a+"}, ["aa"], True),
        ({"matches": "a+"}, ["aab"], False),
        ({"contains": ["a"]}, [["a", "b"]], True),
        ({"contains": "ell"}, ["hello"], True),
        ({"present": True}, [0], True),
        ({"present": True}, [[]], False),
        ({"present": True}, [], False),
        ({"absent": True}, [], True),
        ({"absent": True}, [0], False),
    ],
)
def test_comparisons(expectation: dict[str, Any], values: list[Any], met: bool) -> None:
    assert parse_expectation(expectation, where="here").is_met(values) is met


def test_a_path_finds_every_value_on_it() -> None:
    document = {"spec": {"containers": [{"image": "a"}, {"image": "b"}, {}]}}
    assert values_at(document, "spec.containers.*.image") == ["a", "b"]
    assert values_at(document, "spec.volumes.*.name") == []
    assert values_at(document, "") == [document]
