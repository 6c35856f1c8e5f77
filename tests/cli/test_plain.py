"""The plain reading of a command line is Typer's reading, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capctl.cli import session
from capctl.cli.app import run_command_line
from capctl.cli.options import options_of
from capctl.cli.plain import Invocation, read_plain
from capctl.text.spelling import spellings, value_type
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation, Param

OPERATIONS = list(REGISTRY.values())
VALUES = {int: st.integers(-5, 500).map(str), float: st.floats(allow_nan=True).map(str)}
WORDS = st.sampled_from(["-", "--", "-1", "x", "x=y", "lksg.v1", "a b", "", "--help", "-o", "--policy", "--yes", "ü"])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Command lines near the truth: declared options, with good values and bad ones, and stray words."""
    op = draw(st.sampled_from(OPERATIONS))
    words = list(op.command)
    for param in draw(st.lists(st.sampled_from([*op.params, *options_of(op)]), max_size=6)):
        words += draw(_spelt(param))
    for param in op.params:
        if param.required and param.arg.positional and draw(st.integers(0, 9)):
            words += [draw(_value(param))]
    return words + draw(st.lists(WORDS, max_size=1))


def _spelt(param: Param) -> st.SearchStrategy[list[str]]:
    if param.arg.positional:
        return _value(param).map(lambda text: [text])
    flag = st.sampled_from(spellings(param))
    if param.type is bool:
        return flag.map(lambda name: [name])
    pair = st.tuples(flag, _value(param))
    return st.one_of(pair.map(list), pair.map(lambda given: ["=".join(given)]))


def _value(param: Param) -> st.SearchStrategy[str]:
    good = st.sampled_from(param.arg.choices) if param.arg.choices else VALUES.get(value_type(param), st.just("value"))
    return st.one_of(good, WORDS)


def typers_reading(argv: list[str]) -> Invocation | None:
    """What Typer would run; None where it refuses or shows a page."""
    seen: list[Invocation] = []

    def perform(op: Operation, arguments: dict[str, Any], options: Any) -> int:
        seen.append(Invocation(op, arguments, options))
        return 0

    with mock.patch.object(session, "perform", perform):
        run_command_line(argv, prog="capctl")
    return seen[0] if seen else None


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Hypothesis runs one test many times; what Typer prints meanwhile is of no interest."""
    with mock.patch("builtins.print"), mock.patch("typer.echo"):
        yield


@settings(max_examples=300, deadline=None)
@given(command_lines())
def test_a_plain_reading_is_typers_reading(argv: list[str]) -> None:
    """Whenever the plain reader understands a command line, Typer reads the same from it."""
    plain = read_plain(argv)
    if plain is not None:
        assert plain == typers_reading(argv)


@pytest.mark.parametrize(
    "line",
    [
        "gate check",
        "rollout set 25 --reason because --if-revision 3",
        "rollout promote --break-glass --reason=fire --yes --env prod",
        "adapt --policy lksg.v1 --context c.json --enforce --rollout 25 --drift-max 0.005 -o plan.json",
        "policy lint a.yaml b.yaml --output json",
        "drift watch --count 3",
    ],
)
def test_everyday_command_lines_are_plain(line: str) -> None:
    """What people and scripts write does not wait for Typer."""
    assert read_plain(line.split()) is not None
    assert read_plain(line.split()) == typers_reading(line.split())


@pytest.mark.parametrize(
    "line",
    ["rollout", "rollout set", "rollout set 5 6", "gate check --polic x", "gate check --policy", "demo rate x", ""],
)
def test_what_is_wrong_or_special_is_left_to_typer(line: str) -> None:
    """Typer explains what is wrong with a command line."""
    assert read_plain(line.split()) is None
