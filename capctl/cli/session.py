"""One invocation of a command: settings, context, confirmation, the operation, its result, its exit code."""

from __future__ import annotations

import sys
from typing import Any

from capctl.cli.confirm import confirm
from capctl.cli.diagnostics import BY_ANSWER, ExitCode, debugging, diagnose, narrate, report
from capctl.cli.options import Options
from capctl.cli.output import show, write
from capctl.cli.progress import progress_bar
from capctl.cli.prompt import ask_passphrase
from capctl.cli.terminal import discard_stdout
from engine.bootstrap import load, open_context
from engine.ops.run import run
from engine.ops.spec import Operation
from engine.settings import DEFAULT_ENVIRONMENT, Settings


def perform(op: Operation, arguments: dict[str, Any], options: Options) -> ExitCode:
    """Run an operation and write what it says. Never raises: an error becomes words and an exit code."""
    try:
        return _perform(op, arguments, options)
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.PIPE_CLOSED
    except KeyboardInterrupt:
        narrate("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:
        if debugging():
            import traceback

            traceback.print_exc()
        return report(diagnose(error), as_json=options.as_json)


def _perform(op: Operation, arguments: dict[str, Any], options: Options) -> ExitCode:
    settings = settings_for(op, options, rehearsed=arguments.get("target") == "local")
    confirm(op, settings, options)
    with (
        progress_bar(quiet=options.quiet) as emit,
        open_context(settings, emit=emit, ask_passphrase=ask_passphrase) as ctx,
    ):
        exit_code = deliver(op, run(op, ctx, dry_run=options.dry_run, **arguments), options)
    if options.dry_run and not options.quiet:
        narrate("dry run: nothing was kept")
    return exit_code


def settings_for(op: Operation, options: Options, *, rehearsed: bool = False) -> Settings:
    """The settings of the environment that is meant: the demonstration has a folder of its own.

    Args:
        op: What is to be done.
        options: What was given with it.
        rehearsed: Whether it is to be done on this machine: a cutover means the demonstration then, where no
            environment is named.

    Raises:
        InvalidInput: A setting is unknown or impossible.
    """
    env = options.env or ("demo" if op.command[:1] == ("demo",) else None)
    settings = load({"env": env})
    if rehearsed and op.command[:1] == ("cutover",) and env is None and settings.env == DEFAULT_ENVIRONMENT:
        settings = load({"env": "demo"})
    if settings.env != "demo":
        return settings
    from dataclasses import replace

    from engine.demo import demo_state_dir

    return replace(settings, state_dir=demo_state_dir(settings.state_dir))


def deliver(op: Operation, result: Any, options: Options) -> ExitCode:
    """Write a result to where it was asked: its document to a file, or to stdout instead of the text."""
    if options.document_file is None:
        return show(op, result, options)
    if options.document_file == "-":
        write(result.document, sys.stdout)
        return BY_ANSWER[getattr(result, "answer", "yes")]
    from engine.ops.files import write_atomically

    write_atomically(options.document_file, result.document)
    return show(op, result, options)
