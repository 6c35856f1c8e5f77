"""Ask the verifier of this pod how it is: `python -m engine.verifier.probe /readyz --client DIR`.

For where clients must show a certificate: the kubelet has none to show, so the pod asks itself. Exit code 0 when the
answer is 200, else 1.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

TIMEOUT_S = 4.0
"""Below the kubelet's own limit of five seconds."""


def answers(path: str, client: Path, *, port: int = 8080) -> bool:
    """Whether the verifier on the loopback answers a GET with 200.

    Args:
        path: `/healthz` or `/readyz`.
        client: Directory with `tls.crt` and `tls.key` to show, as Kubernetes mounts a Secret.
        port: Where it listens.
    """
    # Nobody else can listen on the pod's own loopback, and its certificate names the service, not the loopback.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - as above
    try:
        context.load_cert_chain(client / "tls.crt", client / "tls.key")
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=context)
        with closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask once; the exit code is the answer."""
    parser = ArgumentParser(prog="python -m engine.verifier.probe", description="Ask the verifier of this pod.")
    parser.add_argument("path", choices=["/healthz", "/readyz"])
    parser.add_argument("--client", type=Path, required=True, help="directory with tls.crt and tls.key")
    parser.add_argument("--port", type=int, default=8080)
    asked = parser.parse_args(arguments)
    return 0 if answers(asked.path, asked.client, port=asked.port) else 1


if __name__ == "__main__":
    sys.exit(main())
