"""The Typer application: parsing, and everything that can be wrong with a command line."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from capctl.cli.bind import build
from capctl.cli.diagnostics import ExitCode, report, usage_problem, wants_json


def run_command_line(argv: Sequence[str], *, prog: str, only: tuple[str, ...] = ()) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The words after the program's name.
        prog: The program's name, as help shows it.
        only: The first words it offers; empty for all.
    """
    try:
        outcome = build((), only=only).main(list(argv), prog_name=prog, standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        problem = usage_problem(error.format_message(), context.command_path if context else prog)
        return report(problem, as_json=wants_json(argv))
    return int(outcome) if isinstance(outcome, int) else ExitCode.DONE
