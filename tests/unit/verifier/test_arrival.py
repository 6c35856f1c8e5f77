"""Requests that do not arrive: over real connections, to a service with little patience."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import uvicorn

from engine.verifier.assembly import assemble
from engine.verifier.runtime import Runtime
from engine.verifier.tls import http_protocol
from tests.unit.verifier.conftest import Mint

PATIENCE_S = 0.3
GIVES_UP_WITHIN_S = 10.0

Talk = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def talk(runtime: Runtime) -> AsyncIterator[Talk]:
    """Sends pieces over one connection, with a pause between, and returns all that comes back until it is closed."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        assemble(runtime, environ={}, new_id=lambda: "generated-id").app,
        http=type("Protocol", (http_protocol(frozenset()),), {"arrival_s": PATIENCE_S}),
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.001)

    async def send(*pieces: bytes, pause_s: float = 0.02) -> bytes:
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        heard = asyncio.create_task(_hear(reader))
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        async with asyncio.timeout(GIVES_UP_WITHIN_S):
            answer = await heard
        writer.close()
        return answer

    yield send
    server.should_exit = True
    await serving


async def _hear(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other side closes; a reset after its answer takes nothing of that back."""
    heard = b""
    with suppress(ConnectionError):
        while piece := await reader.read(4096):
            heard += piece
    return heard


@pytest.fixture
def head(mint: Mint) -> bytes:
    """The head of a verification whose body has a hundred bytes."""
    lines = ["POST /verify HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {mint()}"]
    return "\r\n".join([*lines, "content-type: application/json", "content-length: 100", "", ""]).encode()


def problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), answer
    assert b"connection: close" in head.lower()
    document: dict[str, object] = json.loads(body)
    return document


@pytest.mark.parametrize("pieces", [(), (b"{",), (b'{"policy_id"', b":")], ids=["no byte", "one byte", "a part"])
async def test_a_body_that_stops_is_answered_with_a_problem_document(
    talk: Talk, head: bytes, pieces: tuple[bytes, ...]
) -> None:
    document = problem(await talk(head, *pieces))
    assert (document["code"], document["request_id"]) == ("http.too_slow", "generated-id")


async def test_a_body_that_drips_gains_no_time(talk: Talk, head: bytes) -> None:
    """The time is for the whole request: a byte now and then does not begin it anew."""
    assert problem(await talk(head, *[b" "] * 25))["code"] == "http.too_slow"


async def test_a_caller_cannot_close_the_gate_by_being_slow(talk: Talk, head: bytes, runtime: Runtime) -> None:
    """What never arrived is no latency of this service, and no traffic."""
    problem(await talk(head, b"{"))
    samples = runtime.recorder.samples("r1", runtime.clock.now())
    assert sum(sample.step_traffic.requests for sample in samples) == 0
    await talk(head.replace(b"application/json", b"text/plain\r\nconnection: close"), b" " * 100)
    samples = runtime.recorder.samples("r1", runtime.clock.now())
    assert max(sample.step_traffic.requests for sample in samples) == 1, "what arrived and was refused is"


async def test_a_chunked_body_that_never_ends_is_given_up(talk: Talk, head: bytes) -> None:
    chunked = head.replace(b"content-length: 100", b"transfer-encoding: chunked")
    assert problem(await talk(chunked, b"1\r\n{\r\n"))["code"] == "http.too_slow"


async def test_a_head_that_never_ends_is_given_up(talk: Talk, head: bytes) -> None:
    assert problem(await talk(head[:40]))["code"] == "http.too_slow"


async def test_a_connection_that_says_nothing_is_closed_without_a_word(talk: Talk) -> None:
    assert await talk() == b""


async def test_a_refused_request_keeps_no_connection_by_its_body(talk: Talk, head: bytes) -> None:
    """The answer is sent before the body came; whoever goes on dripping it is cut off."""
    answer = await talk(head.replace(b"application/json", b"text/plain"), b"{")
    assert answer.startswith(b"HTTP/1.1 415 ")


async def test_a_connection_is_not_kept_for_ever_by_a_body_that_came_after_its_answer(talk: Talk, head: bytes) -> None:
    """Uvicorn forgets the idle time of such a connection."""
    answer = await talk(head.replace(b"application/json", b"text/plain"), b" " * 100)
    assert answer.startswith(b"HTTP/1.1 415 ")


async def test_a_request_in_pieces_that_arrives_in_time_is_answered(talk: Talk, head: bytes) -> None:
    body = b'{"policy_id":"lksg.v1","context":{"_demo":true}}'.ljust(100)
    closing = head.replace(b"content-length", b"connection: close\r\ncontent-length")
    answer = await talk(closing[:50], closing[50:], body[:20], body[20:])
    assert answer.startswith(b"HTTP/1.1 200 "), answer


async def test_time_passes_anew_for_each_request_of_a_connection(talk: Talk, head: bytes) -> None:
    """Requests that arrived are no reason to close: the next one is late by its own fault only."""
    whole = head + b'{"policy_id":"lksg.v1","context":{"_demo":true}}'.ljust(100)
    answer = await talk(whole, whole, head, pause_s=PATIENCE_S * 0.8)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b"HTTP/1.1 408 ") == 1
