"""Getting a key set over HTTP, with every bound that a hostile or broken server calls for."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.errors import Unavailable
from engine.verifier.auth.keys import MAX_JWKS_BYTES

if TYPE_CHECKING:
    import httpx


class HttpFetcher:
    """Fetches small documents.

    Args:
        transport: How to reach servers; None for the network. A test passes its own.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        import httpx

        # No redirects: the configured address is the one that was reviewed. Identity encoding: a compressed body
        # could unpack to more than its bound in a single read.
        self._client = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            timeout=httpx.Timeout(2.0),
            headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
        )

    async def __call__(self, url: str) -> bytes:
        """The body at `url`.

        Raises:
            Unavailable: The answer is not 200, encoded, or larger than a key set may be.
            httpx.HTTPError: The server cannot be reached or does not speak HTTP.
        """
        async with self._client.stream("GET", url) as response:
            if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
                raise _unusable(f"status {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_JWKS_BYTES:
                    raise _unusable("it is too large")
        return bytes(body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _unusable(problem: str) -> Unavailable:
    return Unavailable("auth.jwks_unavailable", f"The issuer's key set cannot be had: {problem}", "Check the issuer.")
