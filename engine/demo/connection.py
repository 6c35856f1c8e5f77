"""A small HTTP/1.1 keep-alive client for one purpose: posting many small documents to one loopback server.

An `asyncio.Protocol` over httptools costs the generator about a fifth of what a general client costs per request, and
what the generator does not use of the two cores is left for the verifier and the console.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools


class Response(Protocol):
    """What is called when a request is answered."""

    def __call__(self, status: int | None) -> None:
        """`status` is None when the connection was lost before an answer came."""
        ...


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._waiting: Response | None = None
        self._parser = httptools.HttpResponseParser(self)

    def post(self, request: bytes, answered: Response) -> None:
        """Send one whole request; `answered` is called exactly once."""
        self._waiting = answered
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports by behaviour, not by class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        """An answer is complete (called by the parser)."""
        waiting, self._waiting = self._waiting, None
        if self._parser.should_keep_alive():
            self._pool.release(self)
        else:
            self.close()
        if waiting is not None:
            waiting(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self._pool.forget(self)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(None)


class ConnectionPool:
    """Keep-alive connections to one server.

    Args:
        url: Base URL of the server, `http://127.0.0.1:8080`.
        limit: Most connections at once; a request beyond them is not sent.
    """

    def __init__(self, url: str, *, limit: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._limit = limit
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def post(self, request: bytes, answered: Response) -> bool:
        """Send a request on an idle connection, or open one for it.

        Returns:
            False when every connection is busy and no more may be opened.
        """
        if self._idle:
            # Last in, first out: connections that are not needed stay idle and the server forgets them.
            self._idle.pop().post(request, answered)
            return True
        if len(self._open) + len(self._opening) >= self._limit:
            return False
        task = asyncio.get_running_loop().create_task(self._connect(request, answered))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _connect(self, request: bytes, answered: Response) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self), self._host, self._port)
        except OSError:
            answered(None)
            return
        self._open.add(connection)
        connection.post(request, answered)

    def release(self, connection: Connection) -> None:
        """Take back a connection whose answer is complete."""
        self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Hang up on all of them."""
        for connection in tuple(self._open):
            connection.close()
