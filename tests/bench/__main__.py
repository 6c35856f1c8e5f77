"""Run the benchmarks: `python -m tests.bench [SECTION ...]`, all sections by default.

A section is a module of this package with `run() -> str`, which returns Markdown. Ratios count, absolute numbers belong
to the machine. Nothing here is a test: no time fails a build.
"""

from __future__ import annotations

import sys
from importlib import import_module

SECTIONS = ("decide", "peers", "drift", "auth", "http", "registry", "startup", "tui")


def main(names: list[str]) -> int:
    """Print the sections that were asked for."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.stderr.write(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}\n")
        return 2
    for name in names or SECTIONS:
        module = import_module(f"tests.bench.{name}")
        title = (module.__doc__ or name).partition("\n")[0]
        sys.stdout.write(f"## {name}\n\n{title}\n\n{module.run()}\n\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
