"""One action, declared once: both surfaces and the documentation offer exactly what is declared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding

from capctl.cli.bind import build
from capctl.cli.reference import reference
from capctl.text.views.select import as_facts, view_of
from capctl.tui.bind import APP_BINDINGS, SCREEN_BINDINGS, help_rows, operation_bindings
from capctl.tui.screens.index import EVERYWHERE, SCREENS, ScreenEntry
from engine.ops.catalogue import REGISTRY
from engine.ops.groups import GROUPS
from engine.ops.spec import Danger, Operation

DOCS = Path(__file__).parents[2] / "docs"

ONLY_COMMANDS = {(), ("demo",), ("serve",), ("web",)}
"""What only a command line can offer: opening the console, running the demonstration, the service or a page."""

OPERATIONS = pytest.mark.parametrize("op", REGISTRY.values(), ids=REGISTRY)


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that Typer knows and that does something by itself."""
    if getattr(command, "invoke_without_command", True):
        yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


def test_the_commands_are_the_operations_and_no_others() -> None:
    """Every operation has its command; no other command exists but those that only a command line can offer."""
    assert sorted(commands(build(()))) == sorted({op.command for op in REGISTRY.values()} | ONLY_COMMANDS)


@OPERATIONS
def test_an_operation_is_explained(op: Operation) -> None:
    """A summary that is one sentence, and help for every parameter, free of markup."""
    assert op.summary.endswith(".")
    assert len(op.summary) <= 120
    for param in op.params:
        assert param.arg.help.endswith(".")
        assert "[" not in param.arg.help


@OPERATIONS
def test_an_operation_stands_in_the_reference(op: Operation) -> None:
    """docs/operations.md has its command and its id."""
    text = (DOCS / "operations.md").read_text("utf-8")
    assert f"`capctl {' '.join(op.command)}" in text
    assert f"Operation `{op.id}`." in text


@OPERATIONS
def test_an_operation_is_declared_where_its_command_looks_for_it(op: Operation) -> None:
    """The table of groups leads from the first word to the module, or the command would be found by luck."""
    assert op.function.__module__ == GROUPS[op.command[0]].module


@OPERATIONS
def test_an_operation_has_a_view_of_its_own(op: Operation) -> None:
    """Text output is made for people, not dumped."""
    assert view_of(op) is not as_facts


def test_the_console_helps_with_every_operation() -> None:
    """Every operation that does not stream stands on the console's help page, with its command line."""
    shown = " ".join(row.command for row in help_rows())
    missing = [op.id for op in REGISTRY.values() if not op.streams and " ".join(op.command) not in shown]
    assert missing == []


@pytest.mark.parametrize("entry", SCREENS, ids=[entry.name for entry in SCREENS])
def test_a_key_means_one_thing_on_a_screen(entry: ScreenEntry) -> None:
    """Neither two operations of a screen nor an operation and the console share a key."""
    screen = [*entry.load().BINDINGS, *operation_bindings(), *APP_BINDINGS, *SCREEN_BINDINGS]
    keys = [key for binding in screen if isinstance(binding, Binding) for key in binding.key.split(",")]
    assert sorted(keys) == sorted(set(keys))


def test_a_key_is_bound_on_a_screen() -> None:
    """An operation that declares a key stands in the row of a screen, or its key would do nothing."""
    bound = {op_id for entry in SCREENS for op_id in entry.hints} | set(EVERYWHERE)
    assert [op.id for op in REGISTRY.values() if op.key and op.id not in bound] == []
    assert [name for name in bound if "." in name and name not in REGISTRY] == []


def test_what_restores_safety_can_be_done_at_once() -> None:
    """Pausing and rolling back need neither reason nor any other argument."""
    for op in REGISTRY.values():
        if op.restores_safety:
            assert op.danger is Danger.WRITE
            assert not any(param.required for param in op.params)


def test_the_reference_is_up_to_date() -> None:
    """`make docs` would change nothing."""
    assert (DOCS / "operations.md").read_text("utf-8") == reference()
