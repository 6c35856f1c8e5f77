"""A spot load test: an open loop that asks when it is time to ask, and an objective that is met or not.

    report = run_load(access, LoadPlan(rps=20, duration_s=60), env="stage", clock=clock)
    report.answer                                        # "yes", "no", or "hold" where it proves nothing

An open loop sends each request when it is due, however long the answers take, as independent callers do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from engine.clock import Clock
from engine.cutover.access import Access, require_environment
from engine.cutover.load_ledger import Ledger, Outcome, outcome_of
from engine.cutover.load_report import LoadPlan, LoadReport, LoadSecond
from engine.cutover.slo import Slo

MAX_WAITING: Final = 2000
"""Requests that may wait for an answer at once; one that is due beyond them is counted as failed, not sent."""
REPLICAS_EVERY_S: Final = 5.0
BACKEND_HEADER: Final = "x-served-by"
"""In which a proxy says which backend answered."""


class Answer(NamedTuple):
    """What came back for one request."""

    status: int
    backend: str = ""


Send = Callable[[], Awaitable[Answer]]
"""Sends the next request; raises TimeoutError or OSError when no answer comes."""


class OpenLoop:
    """Sends requests when they are due and notes what becomes of them; the event loop's time is its clock.

    Args:
        plan: How much, how long.
        send: Sends one.
        on_second: Told once a second, in the event loop.
    """

    def __init__(self, plan: LoadPlan, send: Send, on_second: Callable[[LoadSecond], None] = lambda _: None) -> None:
        self._plan = plan
        self._send = send
        self._on_second = on_second
        self._under_way: set[asyncio.Task[None]] = set()
        self.ledger = Ledger(duration_s=plan.duration_s, timeout_s=plan.timeout_s)
        self.began_s = 0.0

    async def run(self) -> float:
        """Send everything and wait for every answer, or its timeout. Returns how long that took."""
        loop = asyncio.get_running_loop()
        self.began_s = loop.time()
        ticker = loop.create_task(self._tick())
        try:
            for number in range(self._plan.requests):
                due_s = number / self._plan.rps
                await asyncio.sleep(max(0.0, self.began_s + due_s - loop.time()))
                self._begin(due_s)
            await asyncio.gather(*self._under_way)
            return loop.time() - self.began_s
        finally:
            for task in (ticker, *self._under_way):
                task.cancel()
            await asyncio.gather(ticker, *self._under_way, return_exceptions=True)

    def _begin(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        lag_s = loop.time() - self.began_s - due_s
        self.ledger.note_due(due_s, lag_s=lag_s)
        if len(self._under_way) >= MAX_WAITING:
            self.ledger.settle(due_s, lag_s, Outcome.UNSENT)
            return
        task = loop.create_task(self._one(due_s))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _one(self, due_s: float) -> None:
        status, backend, outcome = None, "", Outcome.LOST
        try:
            async with asyncio.timeout_at(self.began_s + due_s + self._plan.timeout_s):
                status, backend = await self._send()
            outcome = outcome_of(status)
        except TimeoutError:
            outcome = Outcome.TIMEOUT
        except OSError:
            pass
        elapsed_s = asyncio.get_running_loop().time() - self.began_s - due_s
        self.ledger.settle(due_s, elapsed_s, outcome, status=status, backend=backend)

    async def _tick(self) -> None:
        loop, ledger = asyncio.get_running_loop(), self.ledger
        for second in range(1, int(self._plan.duration_s + self._plan.timeout_s) + 2):
            await asyncio.sleep(max(0.0, self.began_s + second - loop.time()))
            at_s = loop.time() - self.began_s
            latest = ledger.slot_at(max(0.0, at_s - ledger.slot_s))
            p95_s = ledger.quantiles_s()["p95"]
            self._on_second(LoadSecond(at_s, ledger.due, ledger.failed, ledger.waiting, latest, p95_s))


def run_load(
    access: Access,
    plan: LoadPlan,
    *,
    env: str,
    clock: Clock,
    slo: Slo | None = None,
    on_second: Callable[[LoadSecond], None] = lambda _: None,
    replicas: Callable[[], int | None] | None = None,
    rehearse: bool = False,
) -> LoadReport:
    """Put a load on a verifier and hold it to its objective.

    Args:
        access: The verifier, and the token to show it; asked for the token with every request.
        plan: How much, how long.
        env: The environment that is meant.
        clock: When it was.
        slo: The objective; the service's own when None.
        on_second: Told once a second how it goes; must not block.
        replicas: Tells how many replicas are ready; called in a thread every five seconds.
        rehearse: Look at address, environment and token, and send nothing.

    Raises:
        Refused: The verifier is of another environment; no request was sent.
        Unavailable: It does not answer at all. One that dies later makes requests fail, and those are the result.
    """
    with access.client() as http:
        require_environment(http, env)
    access.token()
    at = clock.now()
    counted: list[tuple[float, int]] = []
    ledger, elapsed_s = Ledger(duration_s=plan.duration_s, timeout_s=plan.timeout_s), 0.0
    if not rehearse:
        ledger, counted, elapsed_s = asyncio.run(_run(access, plan, at, on_second, replicas))
    known = {"at": at, "env": env, "base": access.base, "elapsed_s": elapsed_s}
    return LoadReport.of(ledger, plan, slo or Slo(), **known, replicas=tuple(counted), rehearsed=rehearse)


async def _run(
    access: Access,
    plan: LoadPlan,
    at: datetime,
    on_second: Callable[[LoadSecond], None],
    replicas: Callable[[], int | None] | None,
) -> tuple[Ledger, list[tuple[float, int]], float]:
    counted: list[tuple[float, int]] = []
    async with _http_client(access) as client:
        loop = OpenLoop(plan, _sender(client, access, plan, at), on_second)
        watch = asyncio.create_task(_watch(replicas, counted)) if replicas else None
        try:
            elapsed_s = await loop.run()
        finally:
            if watch:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
    return loop.ledger, counted, elapsed_s


def _http_client(access: Access) -> Any:
    import httpx

    limits = httpx.Limits(max_connections=MAX_WAITING, max_keepalive_connections=MAX_WAITING)
    # The timeout is the open loop's, which begins when a request is due and not when a connection is free.
    return httpx.AsyncClient(limits=limits, timeout=None, **access.transport())  # noqa: S113


def _sender(client: Any, access: Access, plan: LoadPlan, at: datetime) -> Send:
    import httpx

    bodies = _bodies(plan, at)

    async def send() -> Answer:
        headers = {**access.bearer(), "content-type": "application/json"}
        try:
            answer = await client.post("/verify", content=next(bodies), headers=headers)
        except httpx.HTTPError as error:
            raise ConnectionError(type(error).__name__) from error
        return Answer(answer.status_code, answer.headers.get(BACKEND_HEADER, ""))

    return send


def _bodies(plan: LoadPlan, at: datetime) -> Iterator[bytes]:
    """Requests that differ, because a share of them is enforced and it is their content that decides which."""
    import orjson

    from engine.demo.context import ContextStream

    for context in ContextStream(plan.seed, at.date()):
        yield orjson.dumps({"policy_id": plan.policy_id, "context": context, "backend": "mock"})


async def _watch(replicas: Callable[[], int | None], counted: list[tuple[float, int]]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        ready = await asyncio.to_thread(replicas)
        if ready is not None:
            counted.append((round(loop.time() - began, 3), ready))
        await asyncio.sleep(REPLICAS_EVERY_S)
