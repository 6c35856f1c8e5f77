"""An issuer of access tokens as a process of its own: it serves a key set, and misbehaves as a file tells it.

    python -m tests.contract.service.issuer_process DIRECTORY PORT

`DIRECTORY/jwks.json` is what it serves; `DIRECTORY/mode` says how: `well`, `silent` (accepts, never answers), `huge`.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HUGE = b" " * 70_000


class Handler(BaseHTTPRequestHandler):
    directory: Path

    def do_GET(self) -> None:
        mode = (self.directory / "mode").read_text()
        if mode == "silent":
            threading.Event().wait()
        body = (self.directory / "jwks.json").read_bytes() + (HUGE if mode == "huge" else b"")
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    Handler.directory = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    server.daemon_threads = True
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
