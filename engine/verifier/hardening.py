"""What production refuses at start: every weak choice, all named at once."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from engine.errors import Refused
from engine.settings import Settings


def check_production(settings: Settings, *, has_passphrase: bool) -> None:
    """Make sure that a production service starts with strong settings only. Elsewhere everything is accepted.

    Args:
        settings: Of the environment.
        has_passphrase: Whether the private keys are encrypted.

    Raises:
        Refused: Something is weak; the hint names every setting to correct.
    """
    if not settings.is_production:
        return
    weak = list(_weak(settings, has_passphrase=has_passphrase))
    if weak:
        raise Refused(
            "serve.weak_production", f"{settings.env} is production and would start weak", f"Set {'; '.join(weak)}."
        )


def _weak(settings: Settings, *, has_passphrase: bool) -> Iterator[str]:
    if settings.tls_certificate is None or settings.tls_key is None:
        yield "tls_certificate and tls_key: without them tokens travel in the clear"
    if settings.mtls == "off":
        yield "mtls to required or optional, with tls_client_ca"
    elif not settings.mtls_sans:
        yield "mtls_sans: every certificate of the CA would do"
    if not settings.auth_issuer:
        yield "auth_issuer and auth_jwks_url: the embedded issuer is for demonstration and development"
    elif urlsplit(settings.auth_jwks_url).scheme != "https":
        yield "auth_jwks_url to an https address"
    if not settings.hosts or any("*" in host for host in settings.hosts):
        yield "hosts to the names under which the service is addressed, without wildcards"
    if not settings.rate_limit_per_s:
        yield "rate_limit_per_s above 0"
    if not has_passphrase:
        yield "key_passphrase_file, so that the private keys are encrypted"
