"""The proxy before the local verifiers: exact shares, whole streams, no retries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cutover.local.proxy import HOP_BY_HOP, Proxy
from engine.cutover.local.routing import WeightedRouter

WEIGHTS = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 100), min_size=1)


class TestRouting:
    @given(WEIGHTS)
    def test_every_stretch_as_long_as_the_weights_has_exact_shares(self, weights: dict[str, int]) -> None:
        router = WeightedRouter()
        router.route(weights)
        total = sum(weights.values())
        for _ in range(2):
            chosen = Counter(router.choose() for _ in range(total))
            assert chosen == Counter({name: weight for name, weight in weights.items() if weight})

    @given(st.lists(WEIGHTS, min_size=1, max_size=5), st.lists(st.integers(0, 30), min_size=5, max_size=5))
    def test_after_any_change_nobody_without_weight_is_chosen(
        self, changes: list[dict[str, int]], between: list[int]
    ) -> None:
        router = WeightedRouter()
        for weights, requests in zip(changes, between, strict=False):
            router.route(weights)
            allowed = {name for name, weight in weights.items() if weight} or {None}
            assert {router.choose() for _ in range(requests)} <= allowed

    def test_a_share_is_spread_and_not_sent_in_a_burst(self) -> None:
        router = WeightedRouter()
        router.route({"stable": 75, "canary": 25})
        assert "".join(str(router.choose())[0] for _ in range(8)).count("ccc") == 0
        assert [router.choose() for _ in range(4)].count("canary") == 1


Handler = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Awaitable[httpx.Response]]


def said(status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> httpx.Response:
    """An answer that is still to be read, as one from a socket is."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


async def ask(
    proxy: Proxy, method: str = "GET", path: str = "/x", *, content: bytes | AsyncIterator[bytes] | None = None
) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=proxy), base_url="http://127.0.0.1") as client:
        return await client.request(method, path, content=content, headers={"x-mine": "1", "te": "trailers"})


def proxy_to(handler: Handler) -> Proxy:
    proxy = Proxy(httpx.AsyncClient(transport=httpx.MockTransport(handler)))
    proxy.route({"stable-1": "http://127.0.0.1:1001"}, {"stable-1": 100})
    return proxy


async def test_a_request_and_its_answer_pass_whole_and_say_who_answered() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return said(201, b"answer", {"x-theirs": "2", "keep-alive": "timeout=5"})

    answer = await ask(proxy_to(handler), "POST", "/verify%20this?a=1&b=%2F", content=b"body")
    assert (answer.status_code, answer.content) == (201, b"answer")
    assert (answer.headers["x-served-by"], answer.headers["x-theirs"]) == ("stable-1", "2")
    assert str(seen[0].url) == "http://127.0.0.1:1001/verify%20this?a=1&b=%2F"
    assert (seen[0].content, seen[0].headers["x-mine"], seen[0].headers["host"]) == (b"body", "1", "127.0.0.1")
    assert not {name.encode() for name in (*answer.headers, *seen[0].headers)} & (HOP_BY_HOP - {b"connection"})


async def test_a_body_without_length_is_streamed() -> None:
    async def echo(request: httpx.Request) -> httpx.Response:
        return said(200, await request.aread())

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"one ", b"two ", b"three"):
            yield chunk

    answer = await ask(proxy_to(echo), "POST", content=chunks())
    assert answer.content == b"one two three"


async def test_a_backend_that_fails_is_asked_once_and_said() -> None:
    asked = 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        raise httpx.ConnectError("gone", request=request)

    answer = await ask(proxy_to(handler), "POST", content=b"x")
    assert (answer.status_code, answer.json()["code"], asked) == (502, "proxy.backend_lost", 1)
    assert answer.headers["x-served-by"] == "stable-1"


async def test_without_a_backend_it_says_so() -> None:
    answer = await ask(Proxy(httpx.AsyncClient(transport=httpx.MockTransport(lambda _: said(200)))))
    assert (answer.status_code, answer.json()["code"]) == (503, "proxy.no_backend")


@pytest.mark.parametrize("status", [301, 404, 429, 500])
async def test_what_a_backend_says_is_passed_on_as_it_is(status: int) -> None:
    answer = await ask(proxy_to(lambda _: said(status, headers={"location": "/elsewhere"})))
    assert (answer.status_code, answer.headers["location"]) == (status, "/elsewhere")


async def test_what_is_under_way_stays_where_it_is_when_the_weights_change() -> None:
    """And its backend is known to be busy until the answer is complete."""
    arrived, released = asyncio.Event(), asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.port == 1001:
            arrived.set()
            await released.wait()
        return said(200)

    proxy = Proxy(httpx.AsyncClient(transport=httpx.MockTransport(handler)))
    urls = {"old": "http://127.0.0.1:1001", "new": "http://127.0.0.1:1002"}
    proxy.route(urls, {"old": 1})
    slow = asyncio.create_task(ask(proxy))
    await arrived.wait()
    proxy.route({"new": urls["new"]}, {"new": 1})
    assert (await ask(proxy)).headers["x-served-by"] == "new"
    assert proxy.in_flight["old"] == 1
    released.set()
    assert (await slow).headers["x-served-by"] == "old"
    assert proxy.in_flight["old"] == 0
