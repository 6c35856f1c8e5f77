"""Puts a service together from its settings: who is trusted, what signs, what is served."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from starlette.types import ASGIApp

from engine.clock import Clock
from engine.errors import InvalidInput
from engine.service_settings import DEFAULT_AUDIENCE
from engine.settings import Settings
from engine.telemetry.security import SecurityMetrics
from engine.trust.custody import custody_of
from engine.trust.passphrase import read_passphrase
from engine.trust.responding import RingSigner
from engine.verifier.access import Access
from engine.verifier.app import build_app
from engine.verifier.auth import AuthReason, EmbeddedIssuer, HttpFetcher, IssuerConfig, RateLimiter, TokenVerifier
from engine.verifier.front import LOOPBACK_HOSTS
from engine.verifier.hardening import check_production
from engine.verifier.runtime import Runtime

if TYPE_CHECKING:
    import httpx

MAX_KNOWN_ACTORS = 4096


class Service(NamedTuple):
    """A service that is ready to be run."""

    app: ASGIApp
    runtime: Runtime
    aclose: Callable[[], Awaitable[None]]
    """Closes the connections to the issuer."""


def assemble(
    runtime: Runtime,
    *,
    drift_gate: bool = False,
    environ: Mapping[str, str] = os.environ,
    network: httpx.AsyncBaseTransport | None = None,
    new_id: Callable[[], str] = lambda: secrets.token_hex(8),
) -> Service:
    """Put the service of an environment together.

    Args:
        runtime: What is served, in the environment of its context.
        drift_gate: Whether `/readyz` says no while a gate is closed.
        environ: May hold the passphrase of the private keys.
        network: How to reach the issuer; None for the real one.
        new_id: Makes ids for requests that bring none.

    Raises:
        Refused: A setting is too weak for production, or a key's file is not safe.
        InvalidInput: Settings are contradictory.
        Unavailable: A key cannot be read or made.
    """
    ctx, settings = runtime.ctx, runtime.ctx.settings
    passphrase = read_passphrase(settings, environ)
    check_production(settings, has_passphrase=passphrase is not None)
    security = SecurityMetrics(reason.value for reason in AuthReason)
    fetch = HttpFetcher(network)
    # Kept in memory: a registry that is away must not lock out whom it has named before.
    pseudonymise = lru_cache(MAX_KNOWN_ACTORS)(ctx.store.pseudonym)
    tokens = TokenVerifier(
        [issuer_of(settings, ctx.clock)],
        clock=ctx.clock,
        pseudonymise=pseudonymise,
        fetch=fetch,
        on_signature=security.verified,
    )
    signer = RingSigner.open(custody_of(ctx, environ), ctx.clock)
    runtime.keys = signer
    app = build_app(
        runtime,
        access=Access(tokens, limiter=limiter_of(settings, ctx.clock), metrics=security),
        signer=signer,
        security=security,
        hosts=known_hosts(settings),
        drift_gate=drift_gate,
        metrics_exposed=settings.metrics_exposed,
        new_id=new_id,
    )
    return Service(app, runtime, fetch.aclose)


def issuer_of(settings: Settings, clock: Clock) -> IssuerConfig:
    """Whose tokens are accepted: the configured issuer's, else the embedded one's.

    Raises:
        InvalidInput: An issuer is half configured, or weakly.
        Refused: This is production and no issuer is configured.
    """
    if not settings.auth_issuer:
        if settings.auth_jwks_url or settings.auth_audience != DEFAULT_AUDIENCE:
            raise InvalidInput(
                "auth.issuer_config", "auth_issuer is missing", "Set it with auth_audience and auth_jwks_url."
            )
        return EmbeddedIssuer.open(settings, clock=clock).config()
    return IssuerConfig(
        settings.auth_issuer,
        frozenset({settings.auth_audience}),
        jwks_url=settings.auth_jwks_url,
        scope_claim=settings.auth_scope_claim,
    )


def limiter_of(settings: Settings, clock: Clock) -> RateLimiter | None:
    """How often each client may ask; None where it is not limited."""
    if not settings.rate_limit_per_s:
        return None
    return RateLimiter(rate_per_s=settings.rate_limit_per_s, burst=settings.rate_limit_burst, clock=clock)


def known_hosts(settings: Settings) -> frozenset[bytes] | None:
    """Names under which the service may be addressed; None for any."""
    if "*" in settings.hosts:
        return None
    return LOOPBACK_HOSTS | {host.lower().encode() for host in settings.hosts}
