"""Where a service listens: the address it may take, the socket, and how it says that it answers."""

from __future__ import annotations

import json
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from engine.errors import InvalidInput, Refused, Unavailable
from engine.settings import Settings


def check_address(host: str, settings: Settings) -> None:
    """Refuse to be reached from other machines under whatever name and unencrypted.

    Raises:
        InvalidInput: It is no address.
        Refused: Others can reach it, and the settings are made for this machine alone.
    """
    if _address(host).is_loopback:
        return
    if not settings.hosts:
        raise Refused(
            "serve.no_hosts",
            f"{host} can be reached from other machines, and no name is configured under which",
            "Set hosts to the names of this service, or listen on 127.0.0.1.",
        )


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises InvalidInput where the host is no address, Unavailable where the port cannot be had."""
    address = _address(host)
    listening = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    # A restarted verifier takes its port back at once instead of waiting for old connections to time out.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((str(address), port))
    except OSError as error:
        listening.close()
        raise Unavailable(
            "serve.port", f"Port {port} cannot be had: {error.strerror}", "Use another port, or 0 for any."
        ) from error
    return listening


def url_of(listening: socket.socket, *, scheme: str) -> str:
    """Where the service answers."""
    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{port}"


def announce(url: str) -> None:
    """Say on stdout that the service answers."""
    print(json.dumps({"event": "ready", "url": url}), flush=True)  # noqa: T201 - the contract


def _address(host: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise InvalidInput("serve.address", f"{host} is not an address", "Use 127.0.0.1, ::1 or 0.0.0.0.") from error
