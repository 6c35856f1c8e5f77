"""A real issuer that tests can kill, hang and rotate, and the tokens it signs."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.verifier.auth import Scope
from tests.contract.prometheus.conftest import free_port

NAME = "https://idp.example"
AUDIENCE = "verifier"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class IssuerKey:
    """A signing key under a key id: RS256 or EdDSA."""

    def __init__(self, kid: str, *, alg: str = "RS256") -> None:
        self.kid, self.alg = kid, alg
        self._rsa = rsa.generate_private_key(65537, 2048) if alg == "RS256" else None
        self._ed = Ed25519PrivateKey.generate()

    def jwk(self) -> dict[str, str]:
        """Its public half."""
        common = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self._rsa is None:
            return {**common, "kty": "OKP", "crv": "Ed25519", "x": _b64(self._ed.public_key().public_bytes_raw())}
        numbers = self._rsa.public_key().public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        return {**common, "kty": "RSA", "n": _b64(modulus), "e": _b64(numbers.e.to_bytes(3, "big"))}

    def token(self, now_s: float, *, subject: str = "tester") -> dict[str, str]:
        """The Authorization header of somebody who may do everything for an hour."""
        claims: dict[str, Any] = {"iss": NAME, "aud": AUDIENCE, "sub": subject, "client_id": subject}
        claims |= {"iat": int(now_s), "exp": int(now_s) + 3600, "scope": " ".join(Scope)}
        header = {"alg": self.alg, "typ": "at+jwt", "kid": self.kid}
        signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
        if self._rsa is None:
            signature = self._ed.sign(signed.encode())
        else:
            signature = self._rsa.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {"authorization": f"Bearer {signed}.{_b64(signature)}"}


class Issuer:
    """The process, which keeps its port over its deaths."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.behave("well")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/keys"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a service that trusts it."""
        return {"auth_issuer": NAME, "auth_audience": AUDIENCE, "auth_jwks_url": self.url}

    def publish(self, *keys: IssuerKey) -> None:
        """Serve these keys from now on."""
        draft = self._directory / "draft"
        draft.write_text(json.dumps({"keys": [key.jwk() for key in keys]}))
        draft.rename(self._directory / "jwks.json")

    def behave(self, mode: str) -> None:
        """Answer like this from now on; see `issuer_process`."""
        (self._directory / "mode").write_text(mode)

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.contract.service.issuer_process"]
        self._process = subprocess.Popen(
            [*command, str(self._directory), str(self._port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def now() -> float:
    """For tokens of a service that runs on the machine's clock."""
    return time.time()
