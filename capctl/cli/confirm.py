"""Questions before an action, on stderr, and never where nobody can answer."""

from __future__ import annotations

import sys

from capctl.cli.options import Options
from engine.errors import Held, InvalidInput
from engine.ops.spec import Danger, Operation
from engine.settings import Settings


def needs_confirmation(op: Operation, settings: Settings) -> bool:
    """Whether an action asks first: what cannot be undone always, a change in production unless it restores safety."""
    if op.restores_safety or op.danger is Danger.READ:
        return False
    return op.danger is Danger.IRREVERSIBLE or settings.is_production


def confirm(op: Operation, settings: Settings, options: Options) -> None:
    """Ask, unless `--yes` has answered.

    Raises:
        InvalidInput: Production was not named where it must be, or nobody is there to answer the question.
        Held: The answer was no.
    """
    if op.names_environment and settings.is_production and options.env is None and not options.dry_run:
        raise InvalidInput(
            "cli.environment_not_named",
            f"'capctl {' '.join(op.command)}' would act in {settings.env}, which the command line does not name",
            f"Type --env {settings.env} if you mean it.",
        )
    if options.yes or options.dry_run or not needs_confirmation(op, settings):
        return
    words = " ".join(op.command)
    if not sys.stdin.isatty():
        raise InvalidInput(
            "cli.confirmation_needed",
            f"'capctl {words}' asks for confirmation in {settings.env}, and nobody is at the terminal",
            "Add --yes when the script means it.",
        )
    sys.stderr.write(f"{op.summary} Environment: {settings.env}. Type '{words}' to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != words:
        raise Held("cli.not_confirmed", "Not confirmed; nothing was changed", "Run it again when you are ready.")
