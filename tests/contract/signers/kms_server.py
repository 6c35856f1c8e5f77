"""moto's emulator of AWS KMS, as a server on the loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.contract.signers.vault_server import free_ports, until


@contextmanager
def running_kms() -> Iterator[str]:
    """An emulator with an empty account. Its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/moto-api/data.json", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers, "moto answers")
        yield url
    finally:
        process.kill()
        process.wait()
