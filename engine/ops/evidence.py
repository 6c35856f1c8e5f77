"""Where a command reads what the verifiers have measured."""

from typing import Final

from engine.ops.spec import Arg

SOURCE: Final = Arg(
    "Where the evidence is read; the configured source when left out.", choices=("embedded", "scrape", "prometheus")
)
