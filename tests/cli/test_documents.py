"""What the documents tell people to type works as written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from capctl.cli.commands import command_at, find
from capctl.cli.options import options_of
from capctl.text.spelling import spellings
from tests.cli.conftest import EXAMPLES, Cli

ROOT = EXAMPLES.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ANSWERS = {"gate": 4}
"""Commands of the readme whose answer, without a verifier, is not yes."""
ELSEWHERE = ("capctl", "capctl demo --headless --plan 0,25,100")
"""What the readme shows and other tests run: the console needs a terminal, the demonstration a minute."""


def _readme_commands() -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE):
        lines = (line.partition(" #")[0].strip() for line in block.splitlines())
        yield from (line for line in lines if line.startswith("capctl"))


def _quoted_commands(document: Path) -> Iterator[str]:
    text = document.read_text("utf-8")
    yield from re.findall(r"`(capctl [a-z][^`\n]*)`", text)
    yield from re.findall(r"^(capctl [a-z][^#\n]*)", text, re.MULTILINE)


def test_the_readme_can_be_typed_from_top_to_bottom(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By somebody who has just cloned it and has nothing else."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    commands = list(_readme_commands())
    assert set(ELSEWHERE) < set(commands)
    for command in commands:
        if command not in ELSEWHERE:
            words = shlex.split(command)[1:]
            outcome = cli(*words)
            assert outcome.code == ANSWERS.get(words[0], 0), (command, outcome)
    assert (tmp_path / "plan.json").is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_names_a_command_or_an_option_that_does_not_exist(document: Path) -> None:
    """Somebody will type it at night."""
    for quoted in _quoted_commands(document):
        command = takewhile(lambda word: word != "|", shlex.split(quoted.replace("\\|", "|")))
        words, rest = find(list(command)[1:])
        if not rest:
            continue
        op = command_at(words)
        assert words, quoted
        assert op, quoted
        known = {flag for param in (*op.params, *options_of(op)) for flag in spellings(param)} | {"--help"}
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known, quoted
