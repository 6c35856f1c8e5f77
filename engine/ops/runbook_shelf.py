"""Where runbooks lie: inside an installed package, or among the documents of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.errors import Unavailable
from engine.ops.results.runbook import Runbook, Runbooks
from engine.ops.runbook import NAMES

PACKAGED: Final = Path(__file__).parents[1] / "runbooks"
"""In a wheel, by name."""
DOCUMENTS: Final = Path(__file__).parents[2] / "docs"
"""In a checkout, as `runbook_NAME.md`."""


def read_runbooks(chosen: str = "") -> Runbooks:
    """Every runbook.

    Args:
        chosen: Name of the one that is asked for.

    Raises:
        Unavailable: One is missing, or cannot be read.
    """
    return Runbooks(tuple(Runbook(name, _read(name)) for name in NAMES), chosen)


def _read(name: str) -> str:
    path = PACKAGED / f"{name}.md"
    if not PACKAGED.is_dir():
        path = DOCUMENTS / f"runbook_{name}.md"
    try:
        return path.read_text("utf-8")
    except OSError as error:
        hint = "The installation is not whole; install capctl again."
        raise Unavailable("runbook.missing", f"The runbook {name} cannot be read", hint) from error
