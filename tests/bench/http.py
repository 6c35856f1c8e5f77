"""`/verify` with token, decision, hash and signature beside a bare JSON endpoint on the same server.

Both run as processes of their own; what counts is the CPU time that each server spends on a request, in alternating
rounds, so that the load generator and the machine's mood hit both alike. H1 and H2 of the goals, and the user's load:
20 requests a second, a quarter of them enforced.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

import orjson

from engine.audit import AuditEvent
from engine.bootstrap import open_context
from engine.canonical import strict_json_at_once
from engine.clock import SystemClock
from engine.context import EngineContext
from engine.decision.context import check_context, context_hash
from engine.demo.access import mint_token
from engine.demo.connection import ConnectionPool
from engine.rollout.plan import parse_gate, plan_of_percents
from engine.rollout.service import RolloutService
from engine.settings import Settings
from engine.trust.custody import custody_of
from engine.trust.responding import RingSigner
from engine.verifier.assembly import issuer_of
from engine.verifier.auth import TokenVerifier
from engine.verifier.auth.scopes import Scope
from engine.verifier.runtime import Runtime
from engine.verifier.verification import verify
from tests.bench.measure import alternate, table
from tests.bench.workload import workload

ROUNDS = 5
ROUND_S = 2.0
CONNECTIONS = 16
ENTRIES = 10_000
USERS_PER_S = 20
USERS_S = 10.0
PERCENTS = "0,25,100"
TICKS_S = 1 / os.sysconf("SC_CLK_TCK")

BARE = """
import json, socket, sys
import orjson, uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

async def answer(request: Request) -> Response:
    document = orjson.loads(await request.body())
    return Response(orjson.dumps({"ok": True, "n": len(document)}), media_type="application/json")

app = Starlette(routes=[Route("/verify", answer, methods=["POST"])])
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
print(json.dumps({"url": "http://127.0.0.1:%d" % listening.getsockname()[1]}), flush=True)
config = uvicorn.Config(app, http="httptools", loop="uvloop", ws="none", access_log=False, log_config=None)
uvicorn.Server(config).run(sockets=[listening])
"""


@dataclass
class Server:
    """A server process under load."""

    name: str
    process: subprocess.Popen[bytes]
    url: str

    def cpu_s(self) -> float:
        """CPU time it has spent."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICKS_S


@dataclass
class Round:
    """One round against one server."""

    cpu_us: float
    """Server CPU per request."""
    per_s: float
    latencies_ms: list[float]


def run() -> str:
    """The table of servers and the table of stages."""
    with tempfile.TemporaryDirectory() as directory:
        settings = replace(Settings(), env="demo", state_dir=Path(directory))
        bodies = _furnish(settings)
        clock = SystemClock()
        mint = partial(mint_token, settings.state_dir, clock, {Scope.VERIFY_RUN}, subject="bench", ttl_s=3600)
        warm = mint()
        with _bare() as bare, _verifier(settings) as verifier:
            cases: dict[str, tuple[Server, Callable[[], str]]] = {
                "bare Starlette endpoint": (bare, lambda: warm),
                "/verify, token seen before": (verifier, lambda: warm),
                "/verify, every token new": (verifier, mint),
            }
            rounds: dict[str, list[Round]] = {name: [] for name in cases}
            for _ in range(ROUNDS):
                for name, (server, token) in cases.items():
                    rounds[name].append(_measure(server, bodies, token))
            users = asyncio.run(_users_load(verifier.url, cycle(_requests(verifier.url, bodies, [warm]))))
        parts = (_machine(), _servers(rounds), _users(users), _stages(settings, bodies[0], warm))
        return "\n\n".join(parts)


def _machine() -> str:
    return f"On {os.cpu_count()} cores at a load of {os.getloadavg()[0]:.1f}; {ROUNDS} rounds of {ROUND_S:.0f} s each."


def _measure(server: Server, bodies: list[bytes], token: Callable[[], str]) -> Round:
    # Tokens are made before the clock runs: making one costs the loader more than checking it costs the server.
    tokens = [token()] if token() == token() else [token() for _ in range(12_000)]
    requests = cycle(_requests(server.url, bodies, tokens))
    before = server.cpu_s()
    latencies, elapsed_s = asyncio.run(_load(server.url, requests))
    spent = server.cpu_s() - before
    return Round(spent / len(latencies) * 1e6, len(latencies) / elapsed_s, latencies)


def _requests(url: str, bodies: list[bytes], tokens: list[str]) -> list[bytes]:
    """A request for each body, or for each token where there are more of them."""
    host = url.removeprefix("http://")
    head = "POST /verify HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n"
    return [
        b"%bcontent-length: %d\r\n\r\n%b" % (head.format(host, token).encode(), len(body), body)
        for _, token, body in zip(range(max(len(bodies), len(tokens))), cycle(tokens), cycle(bodies), strict=False)
    ]


async def _users_load(url: str, requests: Iterator[bytes]) -> list[float]:
    """Send requests at an even pace, whether or not the one before was answered; latencies in milliseconds."""
    pool, latencies = ConnectionPool(url, limit=CONNECTIONS), []
    loop = asyncio.get_running_loop()
    count, done = round(USERS_PER_S * USERS_S), asyncio.Event()
    began = loop.time()

    def send(due: float) -> None:
        def answered(status: int | None) -> None:
            assert status == 200, f"answered {status}"
            latencies.append((loop.time() - due) * 1000)  # since it was due: waiting to be sent is waiting
            if len(latencies) == count:
                done.set()

        pool.post(next(requests), answered)

    for number in range(count):
        due = began + number / USERS_PER_S
        loop.call_at(due, send, due)
    await done.wait()
    pool.close()
    return sorted(latencies)


def _users(latencies: list[float]) -> str:
    p50, p95, worst = latencies[len(latencies) // 2], latencies[len(latencies) * 95 // 100], latencies[-1]
    return (
        f"{USERS_PER_S} requests a second for {USERS_S:.0f} s, 25 % enforced: p50 {p50:.1f} ms, p95 {p95:.1f} ms, "
        f"longest {worst:.1f} ms, {len(latencies)} of {len(latencies)} answered 200."
    )


async def _load(url: str, requests: Iterator[bytes]) -> tuple[list[float], float]:
    """Keep every connection busy for a round; latencies in milliseconds, and how long it really took."""
    pool, latencies = ConnectionPool(url, limit=CONNECTIONS), []
    loop = asyncio.get_running_loop()
    began = loop.time()
    idle = asyncio.Event()
    busy = CONNECTIONS

    def send() -> None:
        sent = loop.time()

        def answered(status: int | None) -> None:
            nonlocal busy
            assert status == 200, f"answered {status}"
            now = loop.time()
            latencies.append((now - sent) * 1000)
            if now - began < ROUND_S:
                send()
            else:
                busy -= 1
                if not busy:
                    idle.set()

        pool.post(next(requests), answered)

    for _ in range(CONNECTIONS):
        send()
    await idle.wait()
    pool.close()
    return latencies, loop.time() - began


def _servers(rounds: dict[str, list[Round]]) -> str:
    lines = ["| server | requests/s | CPU µs | p50 / p95 ms | % of bare |", "| --- | ---: | ---: | ---: | ---: |"]
    base = rounds["bare Starlette endpoint"]
    for name, own in rounds.items():
        share = median(b.cpu_us / o.cpu_us for b, o in zip(base, own, strict=True))
        latencies = sorted(latency for one in own for latency in one.latencies_ms)
        p50, p95 = latencies[len(latencies) // 2], latencies[len(latencies) * 95 // 100]
        lines.append(
            f"| {name} | {median(o.per_s for o in own):,.0f} | {median(o.cpu_us for o in own):.0f} "
            f"| {p50:.2f} / {p95:.2f} | {share:.0%} |"
        )
    return "\n".join(lines)


def _stages(settings: Settings, body: bytes, token: str) -> str:
    """What each stage of a warm request costs, without the server around it."""
    ctx = open_context(settings, actor="bench")
    runtime = Runtime(ctx, replica="bench")
    runtime.refresh()
    tokens = TokenVerifier([issuer_of(settings, ctx.clock)], clock=ctx.clock, pseudonymise=str)
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {token}".encode())]
    asyncio.run(tokens.authenticate(headers, Scope.VERIFY_RUN))
    signer, now = RingSigner.open(custody_of(ctx), ctx.clock), ctx.clock.now()
    document = strict_json_at_once(body)
    context = check_context(document["context"])
    verification = verify(document, runtime.serving, now)
    described = verification.describe(written=True)
    signed = signer.sign(described, plain=True)

    def authenticate() -> None:
        try:
            tokens.authenticate(headers, Scope.VERIFY_RUN).send(None)
        except StopIteration:
            return

    def whole() -> bytes:
        decided = verify(strict_json_at_once(body), runtime.serving, now)
        return signer.sign(decided.describe(written=True), plain=True).to_document()

    work: dict[str, Callable[[], object]] = {
        "whole, without HTTP": whole,
        "token seen before": authenticate,
        "parse, strictly": lambda: strict_json_at_once(body),
        "check the context": lambda: check_context(document["context"]),
        "hash the context": lambda: context_hash(context),
        "check, hash, decide, plan, suppliers": lambda: verify(document, runtime.serving, now),
        "result": lambda: verification.describe(written=True),
        "write, digest, sign": lambda: signer.sign(described, plain=True),
        "serialise": signed.to_document,
        "record": lambda: runtime.record(verification),
    }
    timings = alternate("whole, without HTTP", work, blocks=60)
    ctx.close()
    return table(timings, f"stage, {len(body):,} B in, {len(signed.to_document()):,} B out", "whole")


def _furnish(settings: Settings) -> list[bytes]:
    """Publish the workload, and return a request for each of its contexts."""
    load = workload(ENTRIES)
    with open_context(settings, actor="bench") as ctx:
        at, actor = ctx.clock.now(), ctx.store.pseudonym("bench")
        ctx.store.publish(load.ir, b"", at=at, audit=AuditEvent("policy.publish", "done", actor))
        roots = {}
        for root, members in load.reference_sets.items():
            entry = ctx.store.import_set("set", members, at=at, audit=AuditEvent("lists.import", "done", actor))
            roots[root] = entry.root
        _enforce_a_quarter(ctx, load.ir.policy_id)
    requests = []
    for context in load.contexts:
        own = {**context, **{n: roots[context[n]] for n in ("sanctions_root", "high_risk_root")}}
        requests.append(orjson.dumps({"policy_id": load.ir.policy_id, "context": own, "backend": "mock"}))
    return requests


def _enforce_a_quarter(ctx: EngineContext, policy_id: str) -> None:
    """Roll out to 25 %, past a gate that has seen no traffic yet, and let no drift of the workload roll it back."""
    service = RolloutService(ctx.store, ctx.clock, ctx.settings, ctx.random_bytes)
    plan = plan_of_percents(PERCENTS, gate=parse_gate({"drift_max_ratio": 0.5}), hold_s=0.0, auto=False)
    service.start(policy_id, plan, actor=ctx.actor, reason="bench")
    service.set_percent(policy_id, 2500, actor=ctx.actor, reason="bench", break_glass=True)


@contextmanager
def _bare() -> Iterator[Server]:
    with _running("bare", ["-c", BARE]) as server:
        yield server


@contextmanager
def _verifier(settings: Settings) -> Iterator[Server]:
    command = ["-m", "engine.verifier", "--state", str(settings.state_dir), "--env", settings.env, "--port", "0"]
    with _running("verifier", command) as server:
        yield server


@contextmanager
def _running(name: str, arguments: list[str]) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "CAPCTL_RATE_LIMIT_PER_S": "0"},
    )
    assert process.stdout is not None
    server = Server(name, process, json.loads(process.stdout.readline())["url"])
    time.sleep(0.3)  # until the bare server listens; nothing is measured yet
    try:
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=20)


if __name__ == "__main__":
    print(run())  # noqa: T201 - the table is the product
