"""Transport: the server's certificate, and whose certificate a client must show.

OpenSSL checks that a client's certificate is signed by the configured CA; which of the CA's clients may come in is
checked here, once a connection, and answered on each of its requests.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from engine.errors import InvalidInput, Unavailable
from engine.settings import Settings
from engine.verifier.arrival import PunctualProtocol

PEER_REFUSED = "peer_refused"
"""In `scope["state"]`: the client showed a certificate that is not for this service."""

_REQUIREMENT = {"off": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context of an environment; None where it speaks plain HTTP.

    Raises:
        InvalidInput: The settings contradict each other, or a file holds no certificate or no fitting key.
        Unavailable: A file cannot be read.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        if settings.tls_certificate or settings.tls_key or settings.mtls != "off":
            raise _incomplete("tls_certificate and tls_key go together, and mtls needs both")
        return None
    if (settings.mtls != "off") != (settings.tls_client_ca is not None):
        raise _incomplete("mtls and tls_client_ca go together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = _REQUIREMENT[settings.mtls]
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password=_no_passphrase)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
    except ssl.SSLError as error:
        raise InvalidInput(
            "serve.tls_malformed", "The TLS files hold no certificate with its key", "Give PEM; the key unencrypted."
        ) from error
    except OSError as error:
        raise Unavailable(
            "serve.tls_unreadable",
            f"A TLS file cannot be read: {error.strerror}",
            "Check tls_certificate, tls_key and tls_client_ca.",
        ) from error
    return context


def _no_passphrase() -> str:
    # Without it OpenSSL would ask on the terminal, and a service would hang there.
    raise ssl.SSLError("the key is encrypted")


def _incomplete(problem: str) -> InvalidInput:
    return InvalidInput("serve.tls_incomplete", f"The TLS settings are incomplete: {problem}", "Set both, or neither.")


def http_protocol(allowed: frozenset[str]) -> type[PunctualProtocol]:
    """The HTTP protocol of the service, which notes connections of clients that are not allowed.

    Args:
        allowed: Subject alternative names, one of which a client's certificate must have; empty allows all.
    """

    class PeerCheckingProtocol(PunctualProtocol):
        _refused = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            certificate = transport.get_extra_info("peercert")
            self._refused = bool(allowed and certificate and allowed.isdisjoint(alternative_names(certificate)))

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._refused:
                self.scope["state"][PEER_REFUSED] = True

    return PeerCheckingProtocol


def alternative_names(certificate: Mapping[str, Any]) -> set[str]:
    """The DNS names and URIs in a certificate, as `SSLSocket.getpeercert` gives it."""
    return {value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI")}
