"""What the operator configured of the HTTP service: who may ask, over which transport, and how much.

Part of `Settings`; apart from it because a console needs none of this.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

MtlsMode: TypeAlias = Literal["off", "optional", "required"]

MTLS_MODES: Final[tuple[MtlsMode, ...]] = get_args(MtlsMode)
DEFAULT_AUDIENCE: Final = "urn:capctl:verifier"
"""The `aud` that tokens for a verifier carry where nothing else is configured."""
MAX_RATE_PER_S: Final = 100_000.0
MAX_BURST: Final = 1_000_000
MAX_KEY_WAIT_S: Final = 90 * 86_400.0
KID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 thumbprint of RFC 7638 in base64url."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """One environment's settings of the HTTP service."""

    auth_issuer: str = ""
    """The exact `iss` of access tokens; empty: the embedded issuer, for demonstration and development."""
    auth_audience: str = DEFAULT_AUDIENCE
    """What `aud` must name."""
    auth_jwks_url: str = ""
    """Where the issuer's keys are."""
    auth_scope_claim: str = ""
    """The claim that lists the scopes; empty: `scope` or `scp`."""
    tls_certificate: Path | None = None
    """PEM, with its chain; None: plain HTTP."""
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """Who signs clients' certificates."""
    mtls: MtlsMode = "off"
    """Whether clients show a certificate."""
    mtls_sans: tuple[str, ...] = ()
    """Subject alternative names (DNS, URI) that a client's certificate may have; one must match."""
    hosts: tuple[str, ...] = ()
    """Names under which the service is addressed besides the loopback's; `*`: any."""
    rate_limit_per_s: float = 100.0
    """Requests a second that one client may keep up at one worker; 0: no limit."""
    rate_limit_burst: int = 200
    """Requests a client may make at once after a pause."""
    metrics_exposed: bool = False
    """Whether `/metrics` can be reached from outside and therefore needs the scope `metrics:read`."""
    key_passphrase_file: Path | None = None
    """Holds the passphrase of the private keys; without it the variable CAPCTL_KEY_PASSPHRASE may hold it."""
    root_kids: tuple[str, ...] = ()
    """Key ids of the root keys that the keyring may have, noted elsewhere; none: a registry that is seen for the first
    time is believed for its own sake."""
    key_announce_s: float = 360.0
    """How long a new result key is published before it signs: callers keep a key set for 300 s; and a minute's skew."""
    key_soak_s: float = 660.0
    """How long an old key is accepted after it signed last: results are used within 300 s, key sets kept for 300 s; and
    a minute's skew."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or value != value.strip():
        raise ValueError("not a line of text")
    return value


def _path(value: Any) -> Path:
    if value == "" or not isinstance(value, str | Path):
        raise ValueError("not a path")
    return Path(value).expanduser()


def _mode(value: Any) -> MtlsMode:
    for mode in MTLS_MODES:
        if value == mode:
            return mode
    raise ValueError("not a mode")


def _names(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise TypeError("not a list of names")
    return tuple(filter(None, (_text(name) for name in names)))


def _kids(value: Any) -> tuple[str, ...]:
    kids = _names(value)
    if not all(map(KID_PATTERN.fullmatch, kids)):
        raise ValueError("not key ids")
    return kids


def _rate(value: Any) -> float:
    rate = math.nan if isinstance(value, bool) else float(value)
    if not 0 <= rate <= MAX_RATE_PER_S:
        raise ValueError("out of range")
    return rate


def _seconds(value: Any) -> float:
    seconds = math.nan if isinstance(value, bool) else float(value)
    if not 0 <= seconds <= MAX_KEY_WAIT_S:
        raise ValueError("out of range")
    return seconds


def _burst(value: Any) -> int:
    burst = 0 if isinstance(value, bool | float) else int(value)
    if not 1 <= burst <= MAX_BURST:
        raise ValueError("out of range")
    return burst


SERVICE_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "auth_issuer": _text,
    "auth_audience": _text,
    "auth_jwks_url": _text,
    "auth_scope_claim": _text,
    "tls_certificate": _path,
    "tls_key": _path,
    "tls_client_ca": _path,
    "mtls": _mode,
    "mtls_sans": _names,
    "hosts": _names,
    "rate_limit_per_s": _rate,
    "rate_limit_burst": _burst,
    "key_passphrase_file": _path,
    "root_kids": _kids,
    "key_announce_s": _seconds,
    "key_soak_s": _seconds,
}
"""By setting: turns a value from a layer of configuration into its type; ValueError or TypeError where it is none."""
