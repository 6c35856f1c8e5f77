"""Fetching a key set from a server that means no good."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from engine.errors import Unavailable
from engine.verifier.auth import HttpFetcher
from engine.verifier.auth.keys import MAX_JWKS_BYTES

URL = "https://idp.example/jwks"


class Endless(httpx.AsyncByteStream):
    """A body that never ends; counts what was taken from it."""

    taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += 4096
            yield b" " * 4096


class Body(httpx.AsyncByteStream):
    """A body that comes in two pieces, as from a network."""

    def __init__(self, content: bytes) -> None:
        self._pieces = content[:5], content[5:]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def fetched(response: httpx.Response, seen: list[httpx.Request] | None = None) -> bytes:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return response

    async with HttpFetcher(httpx.MockTransport(answer)) as fetch:
        return await fetch(URL)


async def test_the_body_is_handed_over() -> None:
    seen: list[httpx.Request] = []
    assert await fetched(httpx.Response(200, stream=Body(b'{"keys":[]}')), seen) == b'{"keys":[]}'
    assert seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [204, 301, 302, 304, 404, 500, 503])
async def test_anything_but_200_is_a_failure(status: int) -> None:
    """A redirect too: it could lead where nobody configured."""
    with pytest.raises(Unavailable):
        await fetched(httpx.Response(status, headers={"location": "https://attacker.example"}, content=b'{"keys":[]}'))


async def test_an_endless_body_is_cut_off() -> None:
    body = Endless()
    with pytest.raises(Unavailable):
        await fetched(httpx.Response(200, stream=body))
    assert body.taken <= MAX_JWKS_BYTES + 4096


async def test_a_compressed_body_is_refused_unopened() -> None:
    with pytest.raises(Unavailable):
        await fetched(httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Endless()))
