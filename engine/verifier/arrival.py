"""How long a request may take to arrive: whoever sends it a byte at a time does not keep a connection for ever.

Uvicorn bounds the pause between two requests, not the requests. Here one timer bounds both the head and the body; it
is armed only for a request that has not arrived in one piece, so that the usual one costs nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine.verifier.problems import RequestError, problem_document, problem_headers

ARRIVAL_S: Final = 20.0
"""Longest time from the first byte of a request, or from the connection for its first one, to the last. The largest
body makes it at 100 KiB/s."""

ARRIVED_LATE: Final = "arrived_late"
"""In `scope["state"]`: the body that the endpoint reads was cut off, because the rest of it did not come in time."""

TOO_SLOW: Final = RequestError(
    408, "http.too_slow", "The request did not arrive in time", "Send it in one go; check the network."
)


class PunctualProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, which waits for a request no longer than `arrival_s`."""

    arrival_s = ARRIVAL_S
    _has_begun = False
    """Whether anything of a request has come that is not complete."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.arrival_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Bytes end uvicorn's timer for idle connections, also those of a request that was answered before they came.
        if not self._has_begun and not self._is_answered():
            self._disarm()
        elif self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.arrival_s, self._give_up)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_begun = True

    def on_message_complete(self) -> None:
        self._has_begun = False
        super().on_message_complete()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Answer 408 where somebody may still read it, and close."""
        self._timer = None
        cycle = self._latest()
        in_body = cycle is not None and cycle.scope is self.scope
        if cycle is None or self._is_answered():
            if self._has_begun and not in_body:
                self.transport.write(_answer())
            self.transport.close()
        elif in_body:
            # The endpoint that waits for the rest answers, with the id that the request has by now.
            self.scope["state"][ARRIVED_LATE] = True
            cycle.more_body = False
            cycle.message_event.set()
        else:
            # The head of the next request is late; the answer to the one before goes first.
            self._timer = self.loop.call_later(self.arrival_s, self._give_up)

    def _is_answered(self) -> bool:
        """Whether nothing waits for an answer."""
        cycle = self._latest()
        return cycle is None or cycle.response_complete

    def _latest(self) -> RequestResponseCycle | None:
        """The latest request whose head is complete; uvicorn's annotation conceals that there may be none."""
        return self.cycle


def _answer() -> bytes:
    """The answer to a head that never ended; what has no head has no id."""
    body = problem_document(TOO_SLOW, "")
    headers: dict[str, Any] = {**problem_headers(TOO_SLOW), "content-length": len(body)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 408 Request Timeout\r\n{head}\r\n".encode() + body
