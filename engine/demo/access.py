"""How others reach the demonstration: where its verifier answers, and tokens for it."""

from __future__ import annotations

import socket
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from engine.demo.seed import ENV
from engine.errors import NotFound
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.verifier.auth.scopes import Scope

_URL_FILE: Final = "verifier-url"
_SAP_FILE: Final = "sap-url"
SAP_CLIENT: Final = "100"
"""The one client of the simulated SAP."""
ANSWER_S: Final = 1.0
"""Longest wait for a sign of it, on this machine."""


def note_url(state_dir: Path, url: str) -> None:
    """Leave the verifier's address where any process can read it."""
    (state_dir / _URL_FILE).write_text(url, "utf-8")


def read_url(state_dir: Path) -> str:
    """Where the demonstration's verifier answers, or did when it last ran.

    Raises:
        NotFound: No demonstration was ever started there.
    """
    try:
        return (state_dir / _URL_FILE).read_text("utf-8")
    except OSError as error:
        raise NotFound(
            "demo.not_started", "No demonstration was ever started here", "Start one: capctl demo."
        ) from error


def note_sap(state_dir: Path, url: str) -> None:
    """Leave the address of the simulated SAP where any process can read it; an empty one when it ends."""
    (state_dir / _SAP_FILE).write_text(url, "utf-8")


def read_sap(state_dir: Path) -> str:
    """Where the demonstration's simulated SAP answers; empty when no demonstration runs there now."""
    try:
        url = (state_dir / _SAP_FILE).read_text("utf-8")
        parts = urlsplit(url)
        if not url or parts.hostname is None:
            return ""
        # A demonstration that was killed left its address behind.
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=ANSWER_S):
            return url
    except (OSError, ValueError):
        return ""


def mint_token(state_dir: Path, clock: Clock, scopes: Collection[Scope], *, subject: str, ttl_s: int) -> str:
    """Make an access token with the key of the demonstration's issuer. Raises what `EmbeddedIssuer` raises."""
    from engine.verifier.auth import EmbeddedIssuer

    issuer = EmbeddedIssuer.open(replace(Settings(), env=ENV, state_dir=state_dir), clock=clock)
    return issuer.mint(scopes, subject=subject, ttl_s=ttl_s)
