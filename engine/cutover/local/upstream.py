"""The proxy's own HTTP/1.1 client: connections that are kept alive, answers that are streamed, nothing tried twice.

A general client costs the proxy more than everything else it does, and looks through its whole pool for every request,
so that a moment of congestion makes the next one worse. This one knows loopback, HTTP/1.1 and no redirects, and takes
the connection that was last given back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httptools

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

CONNECT_S: Final = 2.0
IDLE_S: Final = 3.0
"""A connection that was idle for longer is not used again: the verifier's server hangs up after five seconds, and a
request that is sent at that very moment is lost."""
READ_BYTES: Final = 65_536


class UpstreamLostError(Exception):
    """The backend did not answer, or broke off before it had said how it answers."""


class Answer:
    """An answer whose head has come; its body is read as it comes. Closing it twice does nothing."""

    def __init__(self, connection: _Connection, pool: deque[tuple[_Connection, float]]) -> None:
        self.status = connection.status
        self.headers: Headers = connection.headers
        self._connection = connection
        self._pool = pool
        self._is_closed = False

    async def body(self) -> AsyncIterator[bytes]:
        """What is said, chunk by chunk.

        Raises:
            UpstreamLostError: It breaks off in the middle.
        """
        while (chunk := await self._connection.read()) is not None:
            yield chunk

    def close(self) -> None:
        """Give the connection back where it can be used again, else hang up."""
        if self._is_closed:
            return
        self._is_closed, connection = True, self._connection
        if not connection.is_reusable:
            connection.close()
            return
        now = asyncio.get_running_loop().time()
        self._pool.append((connection, now))
        while now - self._pool[0][1] > IDLE_S:
            self._pool.popleft()[0].close()


class Upstream:
    """Sends requests to backends."""

    def __init__(self) -> None:
        self._idle: defaultdict[str, deque[tuple[_Connection, float]]] = defaultdict(deque)

    async def send(
        self, url: str, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: AsyncIterator[bytes]
    ) -> Answer:
        """Send a request once, and wait for the head of its answer.

        Args:
            url: Base URL of the backend.
            method: HTTP method.
            target: Path and query, as they came.
            headers: As they are to be sent, those of the body's framing included.
            body: Sent as it comes; in chunks where the headers say so.

        Raises:
            UpstreamLostError: It cannot be reached, or hangs up.
        """
        pool = self._idle[url]
        connection = self._taken(pool) or await _connected(url)
        try:
            await connection.send(method, target, headers, body)
        except (OSError, httptools.HttpParserError) as error:
            connection.close()
            raise UpstreamLostError from error
        except BaseException:
            connection.close()
            raise
        return Answer(connection, pool)

    def close(self) -> None:
        """Hang up on what is idle."""
        for pool in self._idle.values():
            for connection, _ in pool:
                connection.close()
        self._idle.clear()

    def _taken(self, pool: deque[tuple[_Connection, float]]) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while pool:
            connection, since = pool.pop()
            if now - since <= IDLE_S and not connection.is_gone:
                return connection
            connection.close()
        return None


class _Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_reusable = False
        self._chunks: deque[bytes] = deque()
        self._has_head = self._is_complete = self._is_head_only = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def is_gone(self) -> bool:
        """Whether the backend has hung up."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def send(
        self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: AsyncIterator[bytes]
    ) -> None:
        """Send a request and read until the head of its answer is there."""
        self._begin(is_head_only=method == "HEAD")
        lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
        is_chunked = False
        for name, value in headers:
            lines.append(b"%b: %b" % (name, value))
            is_chunked = is_chunked or name == b"transfer-encoding"
        self._writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        async for chunk in body:
            if chunk:
                self._writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
                await self._writer.drain()
        if is_chunked:
            self._writer.write(b"0\r\n\r\n")
        while not self._has_head:
            await self._feed()

    async def read(self) -> bytes | None:
        """The next piece of the body; None at its end."""
        while not self._chunks and not self._is_complete:
            try:
                await self._feed()
            except (OSError, httptools.HttpParserError) as error:
                raise UpstreamLostError from error
        return self._chunks.popleft() if self._chunks else None

    def close(self) -> None:
        """Hang up."""
        with suppress(RuntimeError):  # of a loop that is closed already
            self._writer.close()

    def _begin(self, *, is_head_only: bool) -> None:
        self._has_head = self._is_complete = self.is_reusable = False
        self._is_head_only = is_head_only
        self._chunks.clear()

    async def _feed(self) -> None:
        data = await self._reader.read(READ_BYTES)
        if not data:
            self._end_by_hanging_up()
            return
        self._parser.feed_data(data)

    def _end_by_hanging_up(self) -> None:
        """An answer without a length ends where the backend hangs up; every other one is broken off."""
        names = {name for name, _ in self.headers}
        if not self._has_head or names & {b"content-length", b"transfer-encoding"}:
            raise ConnectionError("the backend hung up")
        self._is_complete = True

    def on_message_begin(self) -> None:
        """An answer begins (called by the parser); one that only informs may come before it."""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header (called by the parser)."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head has come (called by the parser)."""
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        if self._has_head and self._is_head_only:
            # The parser does not know that no body follows, so that this connection is of no further use.
            self._is_complete = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body (called by the parser)."""
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The answer has come whole (called by the parser)."""
        if self._has_head:
            self._is_complete = True
            self.is_reusable = self._parser.should_keep_alive()


async def _connected(url: str) -> _Connection:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(CONNECT_S):
            return _Connection(*await asyncio.open_connection(parts.hostname, parts.port or 80))
    except OSError as error:  # TimeoutError included
        raise UpstreamLostError from error
