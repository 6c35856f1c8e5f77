"""`python -m engine.sap.simulator`: the simulated system as a process of its own, until stdin closes or Ctrl-C."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path

from engine.clock import SystemClock
from engine.errors import EngineError
from engine.sap.simulator.options import options_of
from engine.sap.simulator.server import DEMO_SUPPLIERS, SimulatorServer


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator; 0 when it ended in order, 2 when an option is none."""
    asked = _parser().parse_args(arguments)
    try:
        options = options_of(json.loads(asked.options))
    except (EngineError, ValueError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    today = SystemClock().now().date()
    with (
        suppress(KeyboardInterrupt),
        SimulatorServer(asked.db, today=today, options=options, count=asked.suppliers, port=asked.port) as simulator,
    ):
        sys.stdout.write(json.dumps({"event": "ready", "url": simulator.url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.sap.simulator", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="file of its database")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--suppliers", type=int, default=DEMO_SUPPLIERS, help="to begin with")
    parser.add_argument("--options", default="{}", help='behaviour as JSON: {"page_size": 7, "csrf": false}')
    return parser


if __name__ == "__main__":
    sys.exit(main())
