"""The smoke test against the real service, whole and broken in the ways that matter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.cutover.access import Access, FreshToken, open_access
from engine.cutover.smoke import SmokeReport, run_smoke
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.errors import InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.verifier.assembly import assemble
from engine.verifier.auth import EmbeddedIssuer
from engine.verifier.auth import Scope as TokenScope
from engine.verifier.runtime import Runtime

Smoke = Callable[..., SmokeReport]


class OverApp(httpx.BaseTransport):
    """Asks an application in this process, one request after the other."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            answer = await self._transport.handle_async_request(asked)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(ask())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), env="demo", state_dir=tmp_path / "state", rate_limit_per_s=0)


@pytest.fixture
def service(settings: Settings, clock: ManualClock) -> Iterator[ASGIApp]:
    """The service on a furnished store, without sockets."""
    with open_context(settings, actor="tester", clock=clock) as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(hold_s=0), actor="tester")
        runtime = Runtime(ctx, replica="r1")
        runtime.refresh()
        yield assemble(runtime, environ={}).app


@pytest.fixture
def smoke(service: ASGIApp, settings: Settings, clock: ManualClock) -> Smoke:
    """Runs the smoke test over the service, or over what stands before it."""

    def run(*, env: str = "demo", app: ASGIApp | None = None, scopes: tuple[TokenScope, ...] = ()) -> SmokeReport:
        issuer = EmbeddedIssuer.open(settings, clock=clock)
        access = Access("http://127.0.0.1", lambda: issuer.mint(scopes or tuple(TokenScope), subject="tester"))
        client = httpx.Client(transport=OverApp(app or service), base_url="http://127.0.0.1")
        return run_smoke(access, env=env, clock=clock, client=client)

    return run


def failed(report: SmokeReport) -> set[str]:
    return {check.name for check in report.failed}


def test_a_good_verifier_is_green_and_the_three_requests_come_first(smoke: Smoke) -> None:
    report = smoke()
    assert (report.answer, failed(report)) == ("yes", set())
    assert [check.request for check in report.checks[:3]] == ["GET /healthz", "GET /readyz", "POST /verify"]
    assert json.loads(report.document)["ok"] is True


def test_another_environment_is_refused_before_a_token_is_shown(
    smoke: Smoke, service: ASGIApp, clock: ManualClock
) -> None:
    asked: list[tuple[str, bool]] = []

    async def seen(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["path"], any(name == b"authorization" for name, _ in scope["headers"])))
        await service(scope, receive, send)

    with pytest.raises(Refused, match="environment demo, and stage is meant"):
        smoke(env="stage", app=seen)
    assert asked == [("/readyz", False)]


def test_a_server_that_does_not_say_its_environment_is_refused(smoke: Smoke) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    with pytest.raises(Refused, match="does not say"):
        smoke(app=silent)


def test_nobody_there_is_unavailable(clock: ManualClock) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = httpx.Client(transport=httpx.MockTransport(refuse), base_url="http://127.0.0.1")
    with pytest.raises(Unavailable, match="does not answer"):
        run_smoke(Access("http://127.0.0.1", str), env="demo", clock=clock, client=client)


def test_a_token_without_the_scope_is_told_apart_from_a_broken_verifier(smoke: Smoke) -> None:
    report = smoke(scopes=(TokenScope.POLICY_READ,))
    verify = next(check for check in report.checks if check.name == "verify")
    assert (report.answer, verify.status) == ("no", 403)
    assert "verify:run" in verify.detail


def changing(app: ASGIApp, path: str, change: Callable[[int, bytes], tuple[int, bytes]]) -> ASGIApp:
    """The service, with the status and body of one path changed on the way."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != path:
            await app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def keep(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await app(scope, receive, keep)
        status, content = change(start["status"], body)
        headers = [header for header in start["headers"] if header[0] != b"content-length"]
        await send({**start, "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return changed


@pytest.mark.parametrize(
    ("path", "change", "red"),
    [
        ("/healthz", (b"ok", b"meh"), {"healthz"}),
        ("/verify", (b'"verdict":"ok"', b'"verdict":"fail"'), {"signature"}),
        ("/verify", (b'"manifest_hash":"sha3-256:', b'"manifest_hash":"'), {"verify", "signature"}),
        ("/verify", (b'"result"', b'"answer"'), {"verify", "signature"}),
        (f"/policy/{POLICY_ID}", (b'"ir_hash":"sha3-256:', b'"ir_hash":"sha3-256:0'), {"policy"}),
        ("/metrics", (b'result="error"', b'result="other"'), {"metrics"}),
        ("/metrics", (b"adapt_requests_total", b"renamed_total"), {"metrics"}),
    ],
)
def test_a_body_that_is_not_what_it_must_be_is_red(
    smoke: Smoke, service: ASGIApp, path: str, change: tuple[bytes, bytes], red: set[str]
) -> None:
    """A result that was altered on the way is found by its signature, not by its status."""
    report = smoke(app=changing(service, path, lambda status, body: (status, body.replace(*change))))
    assert failed(report) == red


def test_a_5xx_is_red_and_stops_no_other_check(smoke: Smoke, service: ASGIApp) -> None:
    report = smoke(app=changing(service, "/metrics", lambda *_: (500, b"")))
    assert (report.answer, failed(report), len(report.checks)) == ("no", {"metrics"}, 12)


class TestAccess:
    """Where the token comes from, and where it may go."""

    def test_a_token_goes_nowhere_unencrypted(self, settings: Settings, clock: ManualClock) -> None:
        with pytest.raises(InvalidInput, match="not encrypted"):
            open_access(settings, clock, base="http://verifier.example", environ={})

    @pytest.mark.parametrize("base", ["ftp://127.0.0.1", "https://u:p@h", "https://h/?x=1", "nonsense"])
    def test_what_is_no_base_url_is_refused(self, settings: Settings, clock: ManualClock, base: str) -> None:
        with pytest.raises(InvalidInput):
            open_access(settings, clock, base=base, environ={})

    def test_production_never_mints(self, clock: ManualClock, tmp_path: Path) -> None:
        production = replace(Settings(), env="prod", state_dir=tmp_path)
        with pytest.raises(InvalidInput, match="no access token for prod"):
            open_access(production, clock, base="https://127.0.0.1", environ={})

    def test_the_file_comes_first_and_is_read_again(
        self, settings: Settings, clock: ManualClock, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.touch(0o600)
        file.write_text("first\n")
        access = open_access(
            settings, clock, base="http://127.0.0.1", token_file=str(file), environ={"TOKEN": "variable"}
        )
        assert access.bearer() == {"authorization": "Bearer first"}
        file.write_text("second")
        clock.advance(61)
        assert access.token() == "second"
        file.unlink()
        clock.advance(61)
        assert access.token() == "second"

    def test_a_file_that_others_can_read_is_refused(
        self, settings: Settings, clock: ManualClock, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.write_text("x")
        file.chmod(0o644)
        with pytest.raises(Refused, match="open to other users"):
            open_access(settings, clock, base="http://127.0.0.1", token_file=str(file), environ={})

    def test_a_missing_file_is_said_at_once(self, settings: Settings, clock: ManualClock, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            open_access(settings, clock, base="http://127.0.0.1", token_file=str(tmp_path / "none"), environ={})

    @pytest.mark.parametrize("token", ["two words", "ümlaut", "a\nb"])
    def test_what_is_no_token_is_refused_without_repeating_it(
        self, settings: Settings, clock: ManualClock, token: str
    ) -> None:
        with pytest.raises(InvalidInput) as refusal:
            open_access(settings, clock, base="http://127.0.0.1", environ={"TOKEN": token})
        assert token not in str(refusal.value)

    def test_a_fresh_token_is_asked_for_once_in_a_while(self, clock: ManualClock) -> None:
        numbers = iter(range(9))
        token = FreshToken(lambda: str(next(numbers)), clock, keep_s=10)
        assert [token(), token()] == ["0", "0"]
        clock.advance(10)
        assert token() == "1"
