"""`python -m engine.verifier`: one verifier as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.bootstrap import load
from engine.errors import EngineError


def main(arguments: list[str] | None = None) -> int:
    """Run the verifier; 0 when it ended in order, 5 when it could not start."""
    options = _parser().parse_args(arguments)
    try:
        settings = load({"env": options.env, "state_dir": options.state})
        from engine.verifier.server import serve

        serve(
            settings,
            host=options.host,
            port=options.port,
            replica=options.replica,
            drift_gate=options.drift_gate,
            die_with_parent=options.die_with_parent,
            shared_socket=options.shared_socket,
        )
    except EngineError as error:
        sys.stderr.write(f"verifier: {error.message}\nhint: {error.hint}\n")
        return 5
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.verifier", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory of the embedded store")
    parser.add_argument("--env", default="dev", help="name of the environment")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--replica", default="local", help="stable name of this replica")
    parser.add_argument("--drift-gate", action="store_true", help="not ready while a gate is closed")
    parser.add_argument("--shared-socket", type=int, help="descriptor of a listening socket, instead of an address")
    parser.add_argument("--die-with-parent", action="store_true", help="end when stdin closes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
