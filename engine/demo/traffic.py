"""The traffic generator: a process that posts demonstration contexts at a settable rate.

    python -m engine.demo.traffic --url URL --state DIR

It is an open loop: requests are sent when they are due, however long the answers take, because that is what callers of
a verifier do. It follows the rate file in the state directory and leaves a report there every second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import orjson

from engine.clock import Clock, SystemClock
from engine.demo.access import mint_token, read_url
from engine.demo.connection import ConnectionPool
from engine.demo.context import ContextStream
from engine.demo.rate import TrafficReport, read_rate, write_report
from engine.demo.seed import POLICY_ID
from engine.errors import NotFound
from engine.verifier.auth.scopes import Scope

TICK_S: Final = 0.005
"""How often it looks what is due."""
RATE_EVERY: Final = 50
"""Ticks between looks at the rate file: a quarter second."""
REPORT_S: Final = 1.0
MAX_CONNECTIONS: Final = 64
TOKEN_S: Final = 3600
"""How long a token is good; it is renewed at half time."""


class Generator:
    """Sends requests at a rate and counts what becomes of them.

    Args:
        url: Base URL of the verifier.
        state_dir: Where the rate is read and the report is left.
        mint: Makes an access token that is good for `TOKEN_S`.
        clock: What audit dates count back from.
        seed: Of the stream of contexts.
    """

    def __init__(self, url: str, state_dir: Path, *, mint: Callable[[], str], clock: Clock, seed: int) -> None:
        self._url = url
        self._pool = ConnectionPool(url, limit=MAX_CONNECTIONS)
        self._state_dir = state_dir
        self._clock = clock
        self._contexts = ContextStream(seed, clock.now().date())
        self._host = urlsplit(url).netloc
        self._mint = mint
        self._renew_token()
        self._rate = read_rate(state_dir)
        self._due = 0.0
        self._sent = self._answered = self._failed = self._missed = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop."""
        loop = asyncio.get_running_loop()
        last = reported = renewed = loop.time()
        before = (0, 0)
        ticks = 0
        while not stop.is_set():
            await asyncio.sleep(TICK_S)
            now = loop.time()
            self._send_due(now - last)
            last = now
            ticks += 1
            if ticks % RATE_EVERY == 0:
                self._rate = read_rate(self._state_dir)
                self._follow()
            if now - renewed >= TOKEN_S / 2:
                self._renew_token()
                renewed = now
            if now - reported >= REPORT_S:
                before = self._report(before, now - reported)
                reported = now
        self._pool.close()

    def _follow(self) -> None:
        """Ask wherever the demonstration's verifier answers now: a cutover moves its callers to what it deployed."""
        try:
            url = read_url(self._state_dir)
        except NotFound:
            return
        if url and url != self._url:
            # What is under way on the old connections is still answered there, then the server hangs up.
            self._url, self._host = url, urlsplit(url).netloc
            self._pool = ConnectionPool(url, limit=MAX_CONNECTIONS)
            self._renew_token()

    def _renew_token(self) -> None:
        self._head = (
            "POST /verify HTTP/1.1\r\n"
            f"host: {self._host}\r\n"
            f"authorization: Bearer {self._mint()}\r\n"
            "content-type: application/json\r\n"
            "content-length: "
        ).encode()

    def _send_due(self, elapsed_s: float) -> None:
        # What was not sent for a whole second (a suspended machine) is not made up for in a burst.
        self._due = min(self._due + elapsed_s * self._rate, max(self._rate, 1.0))
        while self._due >= 1.0:
            self._due -= 1.0
            if self._pool.post(self._request(), self._note):
                self._sent += 1
            else:
                self._missed += 1

    def _request(self) -> bytes:
        document = {"policy_id": POLICY_ID, "context": next(self._contexts), "backend": "mock"}
        body = orjson.dumps(document)
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

    def _note(self, status: int | None) -> None:
        self._answered += status is not None
        self._failed += status is None or status >= 400

    def _report(self, before: tuple[int, int], elapsed_s: float) -> tuple[int, int]:
        """Leave the last second's report, and return what the next one counts from."""
        report = TrafficReport(
            target_per_s=self._rate,
            sent_per_s=round((self._sent - before[0]) / elapsed_s, 1),
            answered_per_s=round((self._answered - before[1]) / elapsed_s, 1),
            failed=self._failed,
            missed=self._missed,
        )
        try:
            write_report(self._state_dir, report)
        except OSError as error:
            sys.stderr.write(f"traffic: the report cannot be written: {error.strerror}\n")
        self._contexts.today = self._clock.now().date()
        return self._sent, self._answered


async def generate(url: str, state_dir: Path, *, seed: int) -> None:
    """Send until SIGTERM, SIGINT, or until stdin closes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def parent_spoke() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), parent_spoke)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    clock = SystemClock()
    mint = partial(mint_token, state_dir, clock, {Scope.VERIFY_RUN}, subject="demo-traffic", ttl_s=TOKEN_S)
    await Generator(url, state_dir, mint=mint, clock=clock, seed=seed).run(stop)


def main() -> None:
    """Run the generator as a process of its own."""
    import uvloop

    parser = argparse.ArgumentParser(prog="python -m engine.demo.traffic")
    parser.add_argument("--url", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    uvloop.run(generate(options.url, options.state, seed=options.seed))


if __name__ == "__main__":
    main()
