"""A bad night between the adapter and a server: an HTTP/1.1 proxy on loopback that does what it is told to requests.

One request a connection, so that every fault is at a place that is known. It keeps what passed, in order.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

NUMBER = re.compile(rb'"SupplierId":\s*"([^"]*)"')


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    target: str
    body: bytes
    fault: str

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def is_read_back(self) -> bool:
        """Whether it reads the rows of a run."""
        return self.method == "GET" and "SupplierStatusSet" in self.target

    @property
    def suppliers(self) -> set[bytes]:
        """The suppliers it would create rows for."""
        return set(NUMBER.findall(self.body)) if self.is_write else set()


Plan = Callable[[Seen], str]
"""What is to be done to a request; empty lets it pass."""

REFUSED = {
    "throttle": b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    "throttle_date": b"HTTP/1.1 429 -\r\nRetry-After: Thu, 01 Jan 2026 00:00:09 GMT\r\nContent-Length: 0\r\n\r\n",
    "throttle_nonsense": b"HTTP/1.1 429 Too Many\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
    "throttle_past": b"HTTP/1.1 429 Too Many\r\nRetry-After: -5\r\nContent-Length: 0\r\n\r\n",
    "csrf_expired": b"HTTP/1.1 403 Forbidden\r\nX-CSRF-Token: Required\r\nContent-Length: 0\r\n\r\n",
    "session_ended": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "too_large": b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
}
"""Faults that certainly leave a request unexecuted, and say so."""
UNAVAILABLE = b"HTTP/1.1 503 Unavailable\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<html>busy\r\n"
LOGIN_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\n<html>Log on</html>"


class Fault(NamedTuple):
    """What becomes of a request."""

    deliveries: int
    """How often it reaches the server."""
    answer: bytes | str
    """What the client gets: these bytes, or the server's answer `whole`, `cut`, or `none` of it, or a `reset`."""
    late: bool = False
    """Whether it reaches the server only after the client's next request."""


FAULTS = {
    "": Fault(1, "whole"),
    "lost_before": Fault(0, "none"),
    "lost_after": Fault(1, "none"),
    "reset_before": Fault(0, "reset"),
    "reset_after": Fault(1, "reset"),
    "truncated": Fault(1, "cut"),
    "error_before": Fault(0, UNAVAILABLE),
    "error_after": Fault(1, UNAVAILABLE),
    "login_page": Fault(0, LOGIN_PAGE),
    "login_page_after": Fault(1, LOGIN_PAGE),
    "repeated": Fault(2, "whole"),
    "late": Fault(0, UNAVAILABLE, late=True),
    **{name: Fault(0, answer) for name, answer in REFUSED.items()},
}


class FaultProxy:
    """Listens while the `with` block runs.

    Args:
        upstream: URL of the real server.
        plan: What happens to each request.
    """

    def __init__(self, upstream: str, plan: Plan) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._path = parts.path
        self._plan = plan
        self._loop = asyncio.new_event_loop()
        self._held: list[bytes] = []
        self.seen: list[Seen] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self._path}"

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**26))
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())

    async def _end(self) -> None:
        """End the connections that are still open, so that nothing of them is left to a later test."""
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        fault = await asyncio.to_thread(self._plan, Seen(method, target, body, ""))
        self.seen.append(Seen(method, target, body, fault))
        # One request a connection, in both directions.
        request = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)[:-2] + b"connection: close\r\n\r\n" + body
        await self._do(FAULTS[fault], request, writer)

    async def _do(self, fault: Fault, request: bytes, writer: asyncio.StreamWriter) -> None:
        for held in self._held:
            await self._forward(held)
        self._held = [request] if fault.late else []
        answer = b""
        for _ in range(fault.deliveries):
            answer = await self._forward(request)
        match fault.answer:
            case "none":
                return
            case "reset":
                # Lingering for no time makes the kernel send RST instead of FIN.
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            case "cut":
                answer = answer[: len(answer) * 2 // 3]
            case bytes() as written:
                answer = written
        writer.write(answer)
        await writer.drain()

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._upstream)
        writer.write(request)
        await writer.drain()
        try:
            return await reader.read()
        finally:
            writer.close()


def blind_repeats(seen: list[Seen]) -> list[bytes]:
    """Suppliers whose row was sent again without anybody having looked, unless the earlier one was surely refused."""
    open_writes: set[bytes] = set()
    repeats = []
    for request in seen:
        if request.is_read_back:
            open_writes.clear()
        elif request.is_write:
            repeats += sorted(open_writes & request.suppliers)
            if request.fault not in REFUSED:
                open_writes |= request.suppliers
    return repeats
