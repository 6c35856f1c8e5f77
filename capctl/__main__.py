"""The way in: `capctl`, `proof` and `cap-adapter`.

Start-up is a feature: the version, help pages and plain command lines are settled before Typer is imported.
"""

import sys


def main() -> int:
    """`capctl`: the control room and all its commands."""
    argv = sys.argv[1:]
    return _run(argv, prog="capctl")


def proof() -> int:
    """`proof adapt`: the user's own spelling of `capctl adapt`."""
    return _run(sys.argv[1:], prog="proof", only=("adapt",))


def cap_adapter() -> int:
    """`cap-adapter pull|writeback`: the user's own spelling of `capctl pilot`."""
    return _run(["pilot", *sys.argv[1:]], prog="capctl", only=("pilot",))


def _run(argv: list[str], *, prog: str, only: tuple[str, ...] = ()) -> int:
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from capctl.cli.terminal import fill_missing

        fill_missing()
    try:
        exit_code = _dispatch(argv, prog=prog, only=only)
        sys.stdout.flush()
    except KeyboardInterrupt:  # while still importing; a command that runs answers for itself
        return 130
    except OSError as error:  # of a page of help; a command that runs answers for itself
        return _output_lost(error, argv)
    return exit_code


def _output_lost(error: OSError, argv: list[str]) -> int:
    from capctl.cli.diagnostics import ExitCode, diagnose, output_lost, report, wants_json
    from capctl.cli.terminal import discard_stdout

    if isinstance(error, BrokenPipeError):
        discard_stdout()
        return ExitCode.PIPE_CLOSED
    return report(diagnose(output_lost(error)), as_json=wants_json(argv))


def _dispatch(argv: list[str], *, prog: str, only: tuple[str, ...]) -> int:
    if not only and argv in (["--version"], ["-V"]):
        from engine.__version__ import __version__

        print(f"capctl {__version__}")  # noqa: T201 - this is the command's result
        return 0
    if "--help" in argv or "-h" in argv:
        from capctl.cli.help import quick_page

        if text := quick_page(argv, prog=prog, only=only):
            print(text)  # noqa: T201 - this is the command's result
            return 0
    from capctl.cli.plain import read_plain
    from capctl.cli.terminal import be_lenient

    be_lenient()
    if invocation := read_plain(argv, only=only):
        from capctl.cli.session import perform

        return perform(*invocation)
    from capctl.cli.app import run_command_line

    return run_command_line(argv, prog=prog, only=only)


if __name__ == "__main__":
    sys.exit(main())
