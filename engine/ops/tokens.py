"""Making and judging access tokens on the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.errors import InvalidInput
from engine.ops.results.token import MintedToken, ShownToken

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.verifier.auth.scopes import Scope

STDIN = "-"
MAX_TOKEN_BYTES = 16 * 1024


def mint_token(ctx: EngineContext, *, scopes: str, subject: str, ttl_s: int) -> MintedToken:
    """Make a token of the embedded issuer.

    Args:
        ctx: The environment.
        scopes: Names separated by commas or spaces; empty for all.
        subject: Whose it is.
        ttl_s: How long it is good, in seconds.

    Raises:
        InvalidInput: A scope is unknown, or the lifetime impossible.
        Refused: This is production.
    """
    from engine.verifier.auth import EmbeddedIssuer

    granted = read_scopes(scopes)
    token = EmbeddedIssuer.open(ctx.settings, clock=ctx.clock, random_bytes=ctx.random_bytes).mint(
        granted, subject=subject, ttl_s=ttl_s
    )
    return MintedToken(token, tuple(sorted(granted)), ttl_s)


def show_token(ctx: EngineContext, given: str) -> ShownToken:
    """Judge a token as a verifier of this environment would.

    Raises:
        InvalidInput: The settings name no usable issuer.
        Unavailable: stdin cannot be read.
    """
    import asyncio

    from engine.ops.files import read_bytes
    from engine.verifier.assembly import issuer_of
    from engine.verifier.auth import AuthError, HttpFetcher, Principal, TokenVerifier

    data = read_bytes(given, what="token", limit=MAX_TOKEN_BYTES) if given == STDIN else given.encode()

    async def judge() -> Principal:
        async with HttpFetcher() as fetch:
            issuer = issuer_of(ctx.settings, ctx.clock)
            verifier = TokenVerifier([issuer], clock=ctx.clock, pseudonymise=ctx.store.pseudonym, fetch=fetch)
            return await verifier.verify(data.strip())

    try:
        principal = asyncio.run(judge())
    except AuthError as refusal:
        return ShownToken(refusal.reason.value, refusal.message, (), None, "")
    return ShownToken("", "", tuple(sorted(principal.scopes)), principal.expires_at, principal.actor)


def read_scopes(text: str) -> frozenset[Scope]:
    """The scopes in a text. Raises InvalidInput where one is unknown."""
    from engine.verifier.auth.scopes import Scope

    names = [name for name in re.split(r"[,\s]+", text) if name]
    try:
        return frozenset(map(Scope, names or Scope))
    except ValueError:
        place = next(place for place, name in enumerate(names, 1) if name not in set(Scope))
        # Not the word itself: what is typed in the wrong place may be a token or a PIN.
        raise InvalidInput(
            "token.scope", f"Of the scopes, number {place} is none that there is", f"Scopes are: {', '.join(Scope)}."
        ) from None
