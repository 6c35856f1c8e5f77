"""How the tools of a cutover reach a verifier: its address, its TLS, and an access token that stays good.

A token leaves this machine only encrypted or over the loopback, and only towards the environment that is meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from engine.clock import Clock
from engine.cutover.local.documents import local_url
from engine.errors import EngineError, InvalidInput, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    import ssl

    import httpx

    from engine.settings import Settings

TIMEOUT_S: Final = 10.0
"""Longest wait for one answer; far beyond every objective."""
KEEP_TOKEN_S: Final = 60.0
"""How long a token is used before it is looked up again: whoever renews the file is followed within a minute."""
MINTED_TOKEN_S: Final = 3600
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
TOKEN_VARIABLES: Final = ("CAPCTL_TOKEN", "TOKEN")


@dataclass(frozen=True)
class Access:
    """A verifier, and what it takes to be let in."""

    base: str
    """Base URL without a trailing slash."""
    token: Callable[[], str]
    """The access token to use now."""
    tls: ssl.SSLContext | None = None
    """Whom to trust and what to show; None where the address is not encrypted."""

    def client(self, *, timeout_s: float = TIMEOUT_S) -> httpx.Client:
        """A client that sends no token unless a request names one, follows no redirect, and never retries."""
        import httpx

        return httpx.Client(timeout=timeout_s, **self.transport())

    def transport(self) -> dict[str, Any]:
        """How an HTTP client of any kind speaks to the verifier."""
        # A proxy of the environment must not stand between this machine and itself.
        trust_env = urlsplit(self.base).hostname not in LOOPBACK
        return {"base_url": self.base, "verify": True if self.tls is None else self.tls, "trust_env": trust_env}

    def bearer(self) -> dict[str, str]:
        """The header that carries the token."""
        return {"authorization": f"Bearer {self.token()}"}


class FreshToken:
    """A token that is fetched anew when it has been used for some time.

    Args:
        fetch: Gets it.
        clock: Monotonic time.
        keep_s: How long one is used.
    """

    def __init__(self, fetch: Callable[[], str], clock: Clock, *, keep_s: float) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keep_s = keep_s
        self._token = ""
        self._fetched_s = 0.0

    def __call__(self) -> str:
        """The token to use now."""
        now = self._clock.monotonic()
        if not self._token or now - self._fetched_s >= self._keep_s:
            self._renew()
            self._fetched_s = now
        return self._token

    def _renew(self) -> None:
        try:
            self._token = self._fetch()
        except EngineError:
            # The one in use may still be good; when it is not, the verifier says so, request by request.
            if not self._token:
                raise


def open_access(
    settings: Settings,
    clock: Clock,
    *,
    base: str = "",
    token_file: str = "",
    ca_file: str = "",
    client_certificate: str = "",
    environ: Mapping[str, str] = os.environ,
) -> Access:
    """Access to the verifier of an environment.

    The address is the given one, else that of `verifier_url`. The token is that of the file, else of `$CAPCTL_TOKEN` or
    `$TOKEN`, else one of the embedded issuer where that is trusted.

    Args:
        settings: Of the environment.
        clock: For the age of tokens.
        base: The verifier's base URL.
        token_file: A private file that holds a token; it is read again when it may have been renewed.
        ca_file: Certificates to trust, PEM; the machine's own without it.
        client_certificate: What to show where clients need a certificate: PEM with certificate and key.
        environ: The process environment.

    Raises:
        InvalidInput: The address is none or not encrypted, there is no token, or a file holds no certificate.
        NotFound: A file does not exist, or no demonstration was ever started.
        Refused: The token's file is open to others.
        Unavailable: A file cannot be read.
    """
    url = base or verifier_url(settings, environ)
    encrypted = _is_encrypted(url)
    token = _token_source(settings, clock, token_file, environ)
    tls = client_tls(ca_file, client_certificate) if encrypted else None
    return Access(url.rstrip("/"), token, tls)


def require_environment(client: httpx.Client, env: str) -> None:
    """Make sure that the verifier is of the environment that is meant, before it is shown a token.

    Raises:
        Refused: It is of another environment, or does not say of which.
        Unavailable: It does not answer.
    """
    import httpx

    try:
        said = client.get("/readyz").json()
    except httpx.HTTPError as error:
        raise unreachable(error) from error
    except ValueError:
        said = None
    environment = said.get("environment") if isinstance(said, dict) else None
    if not isinstance(environment, str):
        raise Refused(
            "cutover.environment_unknown",
            "What answers there does not say of which environment it is",
            "Check the address; a verifier says it in /readyz.",
        )
    if environment != env:
        raise Refused(
            "cutover.wrong_environment",
            f"The verifier is of environment {environment[:32]}, and {env} is meant",
            "Check --base and --env. No token was shown to it.",
        )


def unreachable(error: Exception) -> EngineError:
    """The error for a verifier that cannot be reached, without the text of the exception."""
    return Unavailable(
        "cutover.unreachable",
        f"The verifier does not answer ({type(error).__name__})",
        "Check the address, that it runs, and the certificate it shows.",
    )


def verifier_url(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """The environment's own verifier.

    That is `$BASE`, else what is deployed on this machine, else the demonstration's, else the configured one.

    Raises:
        NotFound: No demonstration was ever started.
    """
    if given := environ.get("BASE", ""):
        return given
    if here := local_url(settings):
        return here
    if settings.env != "demo":
        return settings.verifier_url
    from engine.demo.access import read_url

    return read_url(settings.state_dir)


def _is_encrypted(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.query:
        raise InvalidInput("cutover.base", "The verifier's address is no base URL", "Give --base https://HOST.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InvalidInput(
            "cutover.not_encrypted", "The address is not encrypted, and the token would be seen", "Use https."
        )
    return parts.scheme == "https"


def _token_source(settings: Settings, clock: Clock, token_file: str, environ: Mapping[str, str]) -> FreshToken:
    if token_file:
        source = FreshToken(lambda: _read_token(Path(token_file)), clock, keep_s=KEEP_TOKEN_S)
        source()  # a file that cannot be used is an error now, not in the middle of a run
        return source
    if given := next((environ[name] for name in TOKEN_VARIABLES if environ.get(name)), ""):
        token = _one_line(given)
        return FreshToken(lambda: token, clock, keep_s=KEEP_TOKEN_S)
    if settings.is_production or settings.auth_issuer:
        raise InvalidInput(
            "cutover.no_token",
            f"There is no access token for {settings.env}",
            "Set CAPCTL_TOKEN or TOKEN, or give --token-file; capctl asks no issuer for one.",
        )
    return FreshToken(lambda: _minted(settings, clock), clock, keep_s=MINTED_TOKEN_S / 2)


def _minted(settings: Settings, clock: Clock) -> str:
    from engine.verifier.auth import EmbeddedIssuer
    from engine.verifier.auth.scopes import Scope

    scopes = (Scope.VERIFY_RUN, Scope.POLICY_READ, Scope.METRICS_READ)
    return EmbeddedIssuer.open(settings, clock=clock).mint(scopes, subject="cutover", ttl_s=MINTED_TOKEN_S)


def _read_token(path: Path) -> str:
    from engine.sap.private import read_private

    try:
        return _one_line(read_private(path, what="token file").decode("ascii"))
    except UnicodeDecodeError:
        raise _no_token() from None


def _one_line(text: str) -> str:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise _no_token()
    return token


def _no_token() -> InvalidInput:
    return InvalidInput("cutover.token_malformed", "What is given as the token is none", "Give one token, one line.")


def client_tls(ca_file: str, client_certificate: str) -> ssl.SSLContext:
    """Whom to trust, and what to show where clients need a certificate; empty for the machine's own and nothing.

    Raises:
        InvalidInput: A file holds no certificate.
        NotFound: A file does not exist.
        Unavailable: It cannot be read.
    """
    import ssl

    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if client_certificate:
            context.load_cert_chain(client_certificate)
    except FileNotFoundError as error:
        raise NotFound("cutover.tls_missing", "A certificate's file does not exist", "Check the path.") from error
    except ssl.SSLError as error:
        hint = "Give PEM; a client's certificate with its key in the same file."
        raise InvalidInput("cutover.tls_malformed", "A file holds no certificate", hint) from error
    except OSError as error:
        raise Unavailable("cutover.tls_unreadable", "A certificate's file cannot be read", "Check its mode.") from error
    return context
