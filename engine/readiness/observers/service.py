"""The running verifier from outside: its answers, its certificate, and what Prometheus knows of it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from engine.clock import Clock
from engine.errors import Unavailable
from engine.readiness.probing import Observed, Observer, values_at

TIMEOUT_S: Final = 10.0


def http_observer(base: str, tls: ssl.SSLContext | None = None) -> Observer:
    """Sees the answers of a verifier to somebody without a token.

    Args:
        base: Its base URL.
        tls: Whom to trust and what to show; None for the system's trust.
    """

    def observe(arguments: Mapping[str, Any]) -> Observed:
        import httpx

        method = arguments.get("method", "GET")
        try:
            answer = httpx.request(
                method,
                base.rstrip("/") + arguments["path"],
                content=b"{}" if method == "POST" else None,
                headers={"content-type": "application/json"} if method == "POST" else None,
                verify=tls if tls is not None else True,
                timeout=TIMEOUT_S,
            )
        except httpx.HTTPError as error:
            raise Unavailable("orr.unreachable", "The verifier does not answer", "Check verifier_url.") from error
        said = f"{method} {arguments['path']}: {answer.status_code}"
        if answer.status_code != arguments["status"]:
            return Observed([], said)
        if "json" not in arguments:
            return Observed([answer.status_code], said)
        return Observed(values_at(answer.json(), arguments["json"]), said)

    return observe


def certificate_observer(base: str, clock: Clock, tls: ssl.SSLContext | None = None) -> Observer:
    """Sees for how many days a server's certificate is valid yet."""

    def observe(_: Mapping[str, Any]) -> Observed:
        url = urlsplit(base)
        if url.scheme != "https":
            return Observed([], "the verifier is addressed without TLS")
        days = (_not_after(url.hostname or "", url.port or 443, tls) - clock.now().timestamp()) / 86_400
        return Observed([days], f"valid for {days:.0f} days")

    return observe


def prometheus_observer(query: Callable[[str], Sequence[Mapping[str, Any]]]) -> Observer:
    """Sees the answer to an instant query. No series is no answer, never a zero."""

    def observe(arguments: Mapping[str, Any]) -> Observed:
        values = [float(entry["value"][1]) for entry in query(arguments["query"])]
        return Observed(
            values, f"{arguments['query'][:60]}: {', '.join(f'{value:g}' for value in values) or 'no series'}"
        )

    return observe


def _not_after(host: str, port: int, tls: ssl.SSLContext | None) -> float:
    context = tls if tls is not None else ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            "orr.no_tls", "The server's certificate cannot be seen", "Check verifier_url and trust."
        ) from error
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))
