"""The proxy before the local verifiers: exact shares, whole streams, no retries."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.cutover.local.proxy import HOP_BY_HOP, Proxy
from engine.cutover.local.routing import WeightedRouter
from engine.cutover.local.upstream import IDLE_S, Upstream, UpstreamLostError

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


class Backend:
    """An application as it is asked through a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.clients: list[int] = []
        """Port of whoever asked, request by request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.clients.append(scope["client"][1])
        await self._app(scope, receive, send)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """A real server on the loopback, and its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn's own flag
        await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving


async def ask(
    proxy: ASGIApp, method: str = "GET", path: str = "/x", *, content: bytes | AsyncIterator[bytes] | None = None
) -> httpx.Response:
    """Ask through a real server: what passes between two sockets is the point."""
    async with served(proxy) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        return await client.request(method, path, content=content, headers={"x-mine": "1", "te": "trailers"})


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    yield made
    made.close()
    await asyncio.sleep(0)


def proxy_to(url: str, upstream: Upstream) -> Proxy:
    proxy = Proxy(upstream)
    proxy.route({"stable-1": url}, {"stable-1": 100})
    return proxy


async def test_a_request_and_its_answer_pass_whole_and_say_who_answered(upstream: Upstream) -> None:
    seen: list[tuple[bytes, bytes, dict[str, str]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        seen.append((scope["raw_path"] + b"?" + scope["query_string"], await request.body(), dict(request.headers)))
        await Response(b"answer", 201, {"x-theirs": "2", "keep-alive": "timeout=5"})(scope, receive, send)

    async with served(app) as url:
        answer = await ask(proxy_to(url, upstream), "POST", "/verify%20this?a=1&b=%2F", content=b"body")
    assert (answer.status_code, answer.content) == (201, b"answer")
    assert (answer.headers["x-served-by"], answer.headers["x-theirs"]) == ("stable-1", "2")
    [(asked, body, headers)] = seen
    assert asked == b"/verify%20this?a=1&b=%2F"
    assert (body, headers["x-mine"]) == (b"body", "1")
    assert headers["host"] == answer.request.url.netloc.decode()
    assert not {name.encode() for name in (*answer.headers, *headers)} & HOP_BY_HOP


async def test_a_body_without_length_is_streamed_both_ways(upstream: Upstream) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pieces = [piece async for piece in Request(scope, receive).stream()]
        await StreamingResponse(iter(pieces))(scope, receive, send)

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"one ", b"two ", b"", b"three" * 50_000):
            yield chunk

    async with served(app) as url:
        answer = await ask(proxy_to(url, upstream), "POST", content=chunks())
    assert answer.content == b"one two " + b"three" * 50_000


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [204, 200, 304])
async def test_an_answer_without_a_body_ends(method: str, status: int, upstream: Upstream) -> None:
    """Whatever length it speaks of: the one that GET would have."""
    content = b"four" if status == 200 else b""

    async with served(Response(content, status)) as url:
        answer = await ask(proxy_to(url, upstream), method)
    assert (answer.status_code, answer.content) == (status, content if method == "GET" else b"")


async def test_a_backend_that_hangs_up_is_asked_once_and_said(upstream: Upstream) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        answer = await ask(
            proxy_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", upstream), "POST", content=b"x"
        )
    assert (answer.status_code, answer.json()["code"], asked) == (502, "proxy.backend_lost", 1)
    assert answer.headers["x-served-by"] == "stable-1"


async def test_a_backend_that_is_not_there_is_said(upstream: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert (await ask(proxy_to(url, upstream))).json()["code"] == "proxy.backend_lost"


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
async def test_an_answer_that_is_none_is_a_lost_backend(said: bytes, upstream: Upstream) -> None:
    async with spoken(said) as url:
        assert (await ask(proxy_to(url, upstream))).status_code == 502


async def test_an_answer_that_breaks_off_is_not_passed_on_as_a_whole_one(upstream: Upstream) -> None:
    async with spoken(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf") as url:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(proxy_to(url, upstream))


async def test_an_answer_without_a_length_ends_where_the_backend_hangs_up(upstream: Upstream) -> None:
    async with spoken(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-a: 1\r\n\r\nwhole") as url:
        answer = await ask(proxy_to(url, upstream))
    assert (answer.content, answer.headers["x-a"]) == (b"whole", "1")


@asynccontextmanager
async def spoken(said: bytes) -> AsyncIterator[str]:
    """A backend that says this and hangs up, whatever it is asked."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_is_used_again_until_it_was_idle_for_too_long(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    backend = Backend(Response(b"answer"))

    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    async def once(url: str) -> None:
        answer = await upstream.send(url, "GET", b"/", [(b"host", b"here")], nothing())
        assert [chunk async for chunk in answer.body()] == [b"answer"]
        answer.close()
        answer.close()

    async with served(backend) as url:
        await once(url)
        await once(url)
        loop = asyncio.get_running_loop()
        later = loop.time() + 2 * IDLE_S
        monkeypatch.setattr(loop, "time", lambda: later)
        await once(url)
        monkeypatch.undo()
        upstream.close()
    first, second, third = backend.clients
    assert first == second != third
    with pytest.raises(UpstreamLostError):
        await once(url)


async def test_a_connection_that_the_backend_closed_is_not_used_again(upstream: Upstream) -> None:
    """A restarted verifier has the port of the one before it, and knows nothing of its connections."""
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    async with (
        spoken(said) as url,
        served(proxy_to(url, upstream)) as front,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        for _ in range(3):
            assert (await client.get(front)).status_code == 200


async def test_without_a_backend_it_says_so(upstream: Upstream) -> None:
    answer = await ask(Proxy(upstream))
    assert (answer.status_code, answer.json()["code"]) == (503, "proxy.no_backend")


@pytest.mark.parametrize("status", [301, 404, 429, 500])
async def test_what_a_backend_says_is_passed_on_as_it_is(status: int, upstream: Upstream) -> None:
    async with served(Response(b"", status, {"location": "/elsewhere"})) as url:
        answer = await ask(proxy_to(url, upstream))
    assert (answer.status_code, answer.headers["location"]) == (status, "/elsewhere")


async def test_what_is_under_way_stays_where_it_is_when_the_weights_change(upstream: Upstream) -> None:
    """And its backend is known to be busy until the answer is complete."""
    arrived, released = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.set()
        await released.wait()
        await Response(b"")(scope, receive, send)

    proxy = Proxy(upstream)
    async with served(slow) as old, served(Response(b"")) as new:
        proxy.route({"old": old, "new": new}, {"old": 1})
        waiting = asyncio.create_task(ask(proxy))
        await arrived.wait()
        proxy.route({"new": new}, {"new": 1})
        assert (await ask(proxy)).headers["x-served-by"] == "new"
        assert proxy.in_flight["old"] == 1
        released.set()
        assert (await waiting).headers["x-served-by"] == "old"
    assert proxy.in_flight["old"] == 0
