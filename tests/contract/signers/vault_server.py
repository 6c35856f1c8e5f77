"""A real OpenBao on the loopback, which can be sealed, killed, and started again on its data."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

ROOT = Path(__file__).parents[3]
COMES_UP_WITHIN_S = 20.0

CONFIG = """\
storage "raft" {{
  path = "{directory}/data"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable = true
}}
listener "tcp" {{
  address = "127.0.0.1:{tls_port}"
  cluster_address = "127.0.0.1:{tls_cluster_port}"
  tls_cert_file = "{directory}/certificate.pem"
  tls_key_file = "{directory}/certificate.key"
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster_port}"
log_level = "error"
"""


@dataclass
class VaultServer:
    """One server with a transit engine at `transit/`."""

    program: str
    directory: Path
    port: int
    tls_port: int
    root_token: str = ""
    unseal_key: str = ""
    process: subprocess.Popen[bytes] | None = None
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _administrator: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of its encrypted port."""
        return self.directory / "certificate.pem"

    def start(self, *, sealed: bool = False) -> None:
        """Start it, or start it again; then unsealed, unless it shall stay as every server comes up."""
        self.process = subprocess.Popen(
            [self.program, "server", f"-config={self.directory / 'bao.hcl'}"],
            env={"HOME": str(self.directory), "PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: self._status("sys/seal-status") == 200, "OpenBao listens")
        if self.unseal_key and not sealed:
            self.unseal()

    def initialise(self) -> None:
        """Give it its keys, a token, and a transit engine."""
        made = httpx.post(f"{self.url}/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}, timeout=20)
        self.unseal_key, self.root_token = made.json()["keys_base64"][0], made.json()["root_token"]
        self.unseal()
        self.ask("POST", "sys/mounts/transit", {"type": "transit"})

    def unseal(self) -> None:
        httpx.post(f"{self.url}/v1/sys/unseal", json={"key": self.unseal_key}).raise_for_status()
        until(lambda: self._status("sys/health") == 200, "OpenBao is unsealed")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def dies_at_signature(self, number: int) -> Callable[[bytes], None]:
        """For a relay: kills the server when the request for a signature has come, the first, second … time."""
        signatures = count(1)

        def watch(request: bytes) -> None:
            if b"/sign/" in request and next(signatures) == number:
                self.kill()

        return watch

    def close(self) -> None:
        """Stop it for good."""
        self._administrator.close()
        self.kill()

    def ask(self, method: str, path: str, body: object = None, *, check: bool = True) -> Any:
        """What the server answers its administrator."""
        headers = {"X-Vault-Token": self.root_token}
        answer = self._administrator.request(method, f"{self.url}/v1/{path}", json=body, headers=headers)
        if check:
            answer.raise_for_status()
        return answer.json() if answer.content else None

    def token(self, policy: str) -> str:
        """A token with a policy and nothing else."""
        name = f"policy{next(self._ids)}"
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        made = self.ask("POST", "auth/token/create", {"policies": [name], "no_default_policy": True, "ttl": "1h"})
        return str(made["auth"]["client_token"])

    def new_env(self) -> str:
        """The name of an environment that has no keys there yet."""
        return f"env{next(self._ids)}"

    def import_key(self, name: str, key: Ed25519PrivateKey) -> None:
        """Put a private key there that is known outside (transit's import: AES-KWP under RSA-OAEP)."""
        wrapping = os.urandom(32)
        secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = self._wrapping_key.encrypt(
            wrapping, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        )
        ciphertext = base64.b64encode(sealed + keywrap.aes_key_wrap_with_padding(wrapping, secret)).decode()
        self.ask(
            "POST",
            f"transit/keys/{name}/import",
            {"type": "ed25519", "ciphertext": ciphertext, "hash_function": "SHA256"},
        )

    def import_public_key(self, name: str, key: Ed25519PublicKey) -> None:
        """Put a public key there, with which it can check signatures and make none."""
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.ask("POST", f"transit/keys/{name}/import", {"type": "ed25519", "public_key": pem})

    def accepts(self, name: str, message: bytes, signature: bytes) -> bool:
        """Whether it says that a signature is one of a key's; a refusal to look at it is a no."""
        asked = {
            "input": base64.b64encode(message).decode(),
            "signature": f"vault:v1:{base64.b64encode(signature).decode()}",
        }
        answer = self.ask("POST", f"transit/verify/{name}", asked, check=False)
        return bool(answer.get("data", {}).get("valid", False))

    @cached_property
    def _wrapping_key(self) -> RSAPublicKey:
        public = load_pem_public_key(self.ask("GET", "transit/wrapping_key")["data"]["public_key"].encode())
        assert isinstance(public, RSAPublicKey)
        return public

    def _status(self, path: str) -> int:
        try:
            return httpx.get(f"{self.url}/v1/{path}", timeout=5).status_code
        except httpx.TransportError:
            return 0


@contextmanager
def running_vault(directory: Path) -> Iterator[VaultServer]:
    """A server on its own data; the test is skipped where the program is missing."""
    program = shutil.which("bao", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("OpenBao's program, bao, is not installed: make tools")
    ports = free_ports(4)
    server = VaultServer(program, directory, ports[0], ports[1])
    (directory / "data").mkdir()
    _write_certificate(directory)
    config = CONFIG.format(
        directory=directory, port=ports[0], tls_port=ports[1], cluster_port=ports[2], tls_cluster_port=ports[3]
    )
    (directory / "bao.hcl").write_text(config)
    try:
        server.start()
        server.initialise()
        yield server
    finally:
        server.close()


def documented_policy(env: str, *, only: Callable[[str], bool] = lambda _: True) -> str:
    """The policy that docs/trust.md tells operators to use, for an environment."""
    lines = re.findall(r'^(path ".+" +\{.+\})$', (ROOT / "docs" / "trust.md").read_text("utf-8"), re.MULTILINE)
    assert len(lines) == 3
    return "\n".join(line.replace("ENV", env) for line in lines if only(line))


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a server has got there."""
    deadline = time.monotonic() + COMES_UP_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {COMES_UP_WITHIN_S} s: {what}"
        time.sleep(0.01)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listening.getsockname()[1]) for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _write_certificate(directory: Path) -> None:
    """A certificate of 127.0.0.1 that signs itself."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "certificate.key").write_bytes(secret)
