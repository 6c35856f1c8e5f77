"""Transport: client certificates, and what production refuses to start with. Real certificates, real handshakes."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.errors import Refused
from engine.settings import Settings
from engine.verifier.hardening import check_production
from tests.contract.service.conftest import SMOKE, Service, Start

ALLOWED = "gateway.cap.example"


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate, _ = self.issue("ca", self._key)

    def issue(self, name: str, key: ec.EllipticCurvePrivateKey | None = None) -> tuple[Path, Path]:
        """A certificate for a DNS name and the loopback, and its key."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name if key else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=key is not None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem, secret = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pem, secret


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def _start(start: Start, authority: Authority, mtls: str) -> Service:
    certificate, key = authority.issue("verifier.cap.example")
    environ = {
        "CAPCTL_TLS_CERTIFICATE": str(certificate),
        "CAPCTL_TLS_KEY": str(key),
        "CAPCTL_MTLS": mtls,
        "CAPCTL_MTLS_SANS": ALLOWED,
    }
    if mtls != "off":
        environ["CAPCTL_TLS_CLIENT_CA"] = str(authority.certificate)
    return start(module="engine.verifier", environ=environ)


def _status(service: Service, authority: Authority, name: str | None, headers: dict[str, str]) -> int | None:
    """What a client with a certificate for `name` is answered; None when the handshake fails."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if name is not None:
        context.load_cert_chain(*authority.issue(name))
    try:
        with httpx.Client(verify=context, headers=headers) as client:
            return client.post(f"{service.url}/verify", json=SMOKE).status_code
    except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
        return None


@pytest.mark.parametrize(
    ("mtls", "answers"),
    [
        ("off", {None: 200, ALLOWED: 200, "other.example": 200}),
        ("optional", {None: 200, ALLOWED: 200, "other.example": 403}),
        ("required", {None: None, ALLOWED: 200, "other.example": 403}),
    ],
)
def test_a_client_comes_in_with_an_allowed_certificate_and_a_token(
    start: Start, authority: Authority, bearer: dict[str, str], mtls: str, answers: dict[str | None, int | None]
) -> None:
    service = _start(start, authority, mtls)
    assert service.url.startswith("https://")
    for name, status in answers.items():
        assert _status(service, authority, name, bearer) == status, name
    assert _status(service, authority, ALLOWED, {}) == 401


def test_a_foreign_authority_vouches_for_nobody(
    start: Start, authority: Authority, bearer: dict[str, str], tmp_path: Path
) -> None:
    service = _start(start, authority, "required")
    (tmp_path / "foreign").mkdir()
    foreign = Authority(tmp_path / "foreign")
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(*foreign.issue(ALLOWED))
    with httpx.Client(verify=context, headers=bearer) as client, pytest.raises(httpx.HTTPError):
        client.post(f"{service.url}/verify", json=SMOKE)


def test_production_names_everything_weak_at_once(start: Start) -> None:
    service = start("--env", "prod", module="engine.verifier")
    status, stderr = service.end()
    assert status == 5
    for setting in ("tls_certificate", "mtls", "auth_issuer", "hosts", "key_passphrase_file"):
        assert setting in stderr
    assert "Traceback" not in stderr


STRONG = replace(
    Settings(),
    env="prod-eu",
    tls_certificate=Path("c"),
    tls_key=Path("k"),
    tls_client_ca=Path("ca"),
    mtls="required",
    mtls_sans=(ALLOWED,),
    auth_issuer="https://idp.example",
    auth_jwks_url="https://idp.example/jwks",
    hosts=("cap.example",),
)


def test_strong_settings_pass_and_each_weakness_is_refused_alone() -> None:
    check_production(STRONG, has_passphrase=True)
    weak = [
        {"tls_certificate": None},
        {"mtls": "off"},
        {"mtls_sans": ()},
        {"auth_issuer": ""},
        {"auth_jwks_url": "http://127.0.0.1/jwks"},
        {"hosts": ()},
        {"hosts": ("*",)},
        {"rate_limit_per_s": 0.0},
    ]
    for change in weak:
        with pytest.raises(Refused):
            check_production(replace(STRONG, **change), has_passphrase=True)
    with pytest.raises(Refused):
        check_production(STRONG, has_passphrase=False)
    check_production(replace(STRONG, env="staging", mtls="off"), has_passphrase=False)
