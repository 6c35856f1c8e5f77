"""Checks a signed result against a key set from a file or from the verifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.errors import InvalidInput, Refused, Unavailable
from engine.ops.results.result import CheckedResult

if TYPE_CHECKING:
    from engine.context import EngineContext

PATH = "/.well-known/jwks.json"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def check_result(ctx: EngineContext, file: str, jwks: str) -> CheckedResult:
    """Check a result in a file.

    Args:
        ctx: The environment; its verifier's key set is asked for where none is named.
        file: The answer of `/verify`, or its result.
        jwks: A file or URL; empty for the environment's verifier.

    Raises:
        InvalidInput: The key set is none, or its address is not safe.
        Unavailable: The file or the key set cannot be had.
    """
    from engine.ops.files import read_bytes
    from engine.trust import parse_jwks, verify_result
    from engine.trust.verifying import MAX_RESULT_BYTES

    unverified = read_bytes(file, what="result", limit=MAX_RESULT_BYTES)
    keys = load_keys(jwks or _address(ctx))
    parse_jwks(keys)
    try:
        verified = verify_result(_unwrapped(unverified), keys, now=ctx.clock.now())
    except (InvalidInput, Refused) as refusal:
        return CheckedResult(refusal.code, refusal.message, "", {})
    return CheckedResult("", "", verified.kid, verified.document)


def load_keys(source: str) -> dict[str, Any]:
    """The key set in a file or at a URL.

    Raises:
        InvalidInput: It is no JSON object, or the address is neither https nor on this machine.
        Unavailable: It cannot be had.
    """
    from engine.canonical import strict_json
    from engine.ops.files import read_bytes

    is_url = source.startswith(("http://", "https://"))
    data = _fetch(source) if is_url else read_bytes(source, what="key set")
    document = strict_json(data, what="The key set")
    if not isinstance(document, dict):
        raise InvalidInput("trust.jwks_malformed", "The key set is no JSON object", "Give a JWK Set, a file or a URL.")
    return document


def _fetch(url: str) -> bytes:
    import asyncio

    import httpx

    from engine.verifier.auth import HttpFetcher

    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise InvalidInput(
            "trust.jwks_address", "A key set from another machine needs https", "Give an https URL, or a file."
        )

    async def fetched() -> bytes:
        async with HttpFetcher() as fetch:
            return await fetch(url)

    try:
        return asyncio.run(fetched())
    except httpx.HTTPError as error:
        raise Unavailable(
            "trust.jwks_unavailable",
            "The verifier's key set cannot be fetched",
            "Is it running? Or give --jwks FILE.",
        ) from error


def _address(ctx: EngineContext) -> str:
    if ctx.env == "demo":
        from engine.demo.access import read_url

        return read_url(ctx.settings.state_dir) + PATH
    return ctx.settings.verifier_url.rstrip("/") + PATH


def _unwrapped(data: bytes) -> Any:
    """What `/verify` answers holds the result in a member of its own."""
    from engine.canonical import strict_json

    if not data.lstrip().startswith(b"{"):
        return data
    document = strict_json(data, what="The result")
    return document["result"] if isinstance(document, dict) and isinstance(document.get("result"), dict) else document
