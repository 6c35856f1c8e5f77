"""Run the benchmarks: `python -m tests.bench [--write] [SECTION ...]`, all sections by default.

A section is a module of this package with `run() -> str`, which returns Markdown. Ratios count, absolute numbers belong
to the machine. Nothing here is a test: no time fails a build.

With `--write` what a section says also takes its place in docs/performance.md, between `<!-- bench:SECTION -->`
and `<!-- /bench:SECTION -->`; sections without marks there are only printed.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

SECTIONS = ("decide", "peers", "drift", "auth", "http", "registry", "recovery", "startup", "tui")
WRITE = "--write"
DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def main(arguments: list[str]) -> int:
    """Print the sections that were asked for, and write them where they belong."""
    names = [name for name in arguments if name != WRITE]
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.stderr.write(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}\n")
        return 2
    for name in names or SECTIONS:
        module = import_module(f"tests.bench.{name}")
        title = (module.__doc__ or name).partition("\n")[0]
        found = module.run()
        sys.stdout.write(f"## {name}\n\n{title}\n\n{found}\n\n")
        sys.stdout.flush()
        if WRITE in arguments:
            DOCUMENT.write_text(placed(DOCUMENT.read_text(), name, found))
    return 0


def placed(document: str, name: str, found: str) -> str:
    """The document with what was found between the marks of a section; as it was where it has none."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n\n{found}\n\n{end}", document, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
