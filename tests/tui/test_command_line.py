"""Command lines in the console mean what they mean in a shell."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capctl.text.spelling import takes_many, value_type
from capctl.tui.bind import offered
from capctl.tui.command_line import parse, spell
from capctl.tui.messages import Call
from capctl.tui.screens.index import SCREENS
from engine.errors import InvalidInput
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Danger, Param

WORDS = st.text(alphabet="abcxyz019._ äß'\"$", min_size=1, max_size=12).filter(str.strip)


def values(param: Param) -> st.SearchStrategy[Any]:
    """Values a parameter may have."""
    kinds: dict[type, st.SearchStrategy[Any]] = {
        bool: st.just(True),
        int: st.integers(0, 99_999),
        float: st.floats(0, 1e6, allow_nan=False),
    }
    one = st.sampled_from(param.arg.choices) if param.arg.choices else kinds.get(value_type(param), WORDS)
    return st.lists(one, min_size=1, max_size=3) if takes_many(param) else one


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call of any operation, with some of its optional parameters."""
    op = draw(st.sampled_from(list(offered())))
    chosen = [param for param in op.params if param.required or draw(st.booleans())]
    dry_run = op.danger is not Danger.READ and draw(st.booleans())
    file = draw(WORDS) if op.writes_document and draw(st.booleans()) else ""
    return Call(op, {param.name: draw(values(param)) for param in chosen}, dry_run=dry_run, document_file=file)


def effective(call: Call) -> dict[str, Any]:
    """A call's arguments without those that have their default anyway; paths as text."""
    return {p.name: str(call.arguments[p.name]) for p in call.op.params
            if p.name in call.arguments and call.arguments[p.name] != p.default}  # fmt: skip


@given(calls())
def test_what_the_activity_log_shows_can_be_typed_again(call: Call) -> None:
    """`parse` reads back what `spell` writes, for every operation there is."""
    positional = [p for p in call.op.params if p.arg.positional]
    if len(positional) > 1 and any(takes_many(p) for p in positional[:-1]):
        return
    again = parse(spell(call), REGISTRY)
    assert again.op is call.op
    assert again.dry_run is call.dry_run
    assert again.document_file == call.document_file
    assert effective(again) == effective(call)


def test_a_percentage_is_spelt_as_in_the_shell() -> None:
    """The slider's choice becomes the very command of the documentation."""
    assert spell(Call(REGISTRY["rollout.set"], {"percent": "25"})) == "capctl rollout set 25"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rolout set 25", "is no command"),
        ("", "is no command"),
        ("rollout set", "percent is missing"),
        ("rollout set 25 30", "one argument too many"),
        ("rollout set 25 --if-revision four", "is not a whole number"),
        ("rollout set 25 --force", "has no option --force"),
        ("rollout set 25 --reason", "needs a value"),
        ("rollout set '25", "quotation mark"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(line: str, says: str) -> None:
    """One sentence says what is wrong and one what to do."""
    with pytest.raises(InvalidInput) as caught:
        parse(line, REGISTRY)
    assert says in caught.value.message
    assert caught.value.hint


@given(st.text(max_size=60))
def test_no_line_breaks_the_command_line(line: str) -> None:
    """Whatever is typed is a call or an error for people."""
    try:
        call = parse(line, REGISTRY)
    except InvalidInput:
        return
    assert shlex.split(line)[: len(call.op.command)] == list(call.op.command) or line.startswith("capctl")


def test_every_operation_that_returns_is_offered() -> None:
    """Whatever a script can do, the console's palette and command line can do."""
    assert {op.id for op in offered()} >= {op.id for op in REGISTRY.values() if not op.streams}


def test_a_stream_is_offered_only_where_a_screen_draws_it() -> None:
    """The console watches by itself; a stream nobody draws would run unseen."""
    drawn = {name for entry in SCREENS for name in entry.hints}
    assert {op.id for op in offered() if op.streams} <= drawn
