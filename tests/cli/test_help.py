"""Help pages: fast, complete, and pleasant at 80 columns."""

from __future__ import annotations

import pytest

from capctl.cli.help import page, quick_page
from capctl.text.spelling import metavar, spellings
from engine.ops.catalogue import REGISTRY
from engine.ops.groups import GROUPS
from engine.ops.spec import Operation
from tests.cli.conftest import Cli

PAGES = [(), *((word,) for word in GROUPS), *(op.command for op in REGISTRY.values() if len(op.command) > 1)]


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_a_page_fits_and_is_the_same_however_it_is_asked_for(cli: Cli, words: tuple[str, ...]) -> None:
    """80 columns; the early page is the one that Typer's own parser leads to."""
    early = quick_page([*words, "--help"], prog="capctl")
    assert early is not None
    assert max(map(len, early.splitlines())) <= 80
    outcome = cli(*words, "--help")
    assert (outcome.code, outcome.out.rstrip("\n"), outcome.err) == (0, early, "")


@pytest.mark.parametrize("op", REGISTRY.values(), ids=REGISTRY)
def test_a_page_names_every_parameter(op: Operation) -> None:
    """Whatever a command takes stands on its page."""
    text = page(op.command)
    for param in op.params:
        assert (metavar(param) if param.arg.positional else spellings(param)[0]) in text


@pytest.mark.parametrize(
    "argv",
    [
        ["rollout"],
        ["rollout", "set", "25"],
        ["rollout", "sett", "--help"],
        ["--env", "prod", "rollout", "--help"],
        ["policy", "lint", "--", "--help"],
    ],
)
def test_what_does_not_plainly_ask_for_a_page_is_left_to_the_parser(argv: list[str]) -> None:
    """A word that is no command, or `--help` after `--`, is not guessed at."""
    assert quick_page(argv, prog="capctl") is None


def test_proof_offers_adapt_only(cli: Cli) -> None:
    """The alias is thin: `proof adapt`, and nothing else."""
    assert "adapt" in (quick_page(["--help"], prog="proof", only=("adapt",)) or "")
    assert "rollout" not in (quick_page(["--help"], prog="proof", only=("adapt",)) or "")
    assert cli("rollout", "show", prog="proof").code == 2
    assert cli(prog="proof").code == 2
    assert cli("--help", prog="proof").out.startswith("Usage: proof COMMAND")


def test_a_group_alone_says_what_is_missing(cli: Cli) -> None:
    """`capctl rollout` is a usage error in two lines, not a page on the wrong stream."""
    outcome = cli("rollout")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[1] == "hint: Run 'capctl rollout --help' to see what it takes."
