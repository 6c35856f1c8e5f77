"""The probe from inside a pod, against a service that demands client certificates."""

from __future__ import annotations

from pathlib import Path

import httpx

from engine.verifier import probe
from tests.contract.service.test_tls import ALLOWED, Authority, _start


def test_a_pod_asks_itself_with_a_certificate(start, tmp_path: Path) -> None:
    """Yes with an allowed one; no with another name, without any and when nobody answers."""
    authority = Authority(tmp_path)
    service = _start(start, authority, "required")
    port = str(httpx.URL(service.url).port)
    for name, code in ((ALLOWED, 0), ("other.example", 1)):
        secret = tmp_path / f"secret-{name}"
        secret.mkdir()
        certificate, key = authority.issue(name)
        (secret / "tls.crt").write_bytes(Path(certificate).read_bytes())
        (secret / "tls.key").write_bytes(Path(key).read_bytes())
        assert probe.main(["/readyz", "--client", str(secret), "--port", port]) == code
    assert probe.main(["/readyz", "--client", str(tmp_path / "none"), "--port", port]) == 1
    service.end()
    assert probe.main(["/readyz", "--client", str(tmp_path / f"secret-{ALLOWED}"), "--port", port]) == 1
