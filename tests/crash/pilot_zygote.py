"""Forks the command line again and again: importing it anew for each of a hundred deaths would take ten minutes.

Reads command lines as JSON from stdin, one a line; writes the pid of each, and how it ended, to stdout.
"""

from __future__ import annotations

import json
import os
import sys

# What a pilot run needs, loaded once.
import lxml.etree  # noqa: F401
import pyodata  # noqa: F401

import engine.ops.pilot_runs
import engine.sap.writeback
import engine.verifier.verification  # noqa: F401
from capctl.__main__ import main


def run(words: list[str], output: str) -> None:
    """Be the command: never returns."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = ["capctl", *words]
    try:
        code = main()
    finally:
        sys.stdout.flush()
    os._exit(code)


def tell(number: int) -> None:
    """One line to whoever watches."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


for line in sys.stdin:
    command = json.loads(line)
    if (pid := os.fork()) == 0:
        run(command["words"], command["output"])
    tell(pid)
    _, status = os.waitpid(pid, 0)
    tell(os.waitstatus_to_exitcode(status))
