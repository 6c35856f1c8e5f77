"""The smoke test: the three requests of the cutover's checklist, and what else a verifier must get right at once.

Every check is one request with its status, its time and a look at what came back; none of them stops the others. The
verifier is asked for its environment first, without a token: a smoke test of the wrong one is refused, not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from engine.canonical import canonical_json
from engine.clock import Clock, to_rfc3339
from engine.context import Progress, ignore_progress
from engine.cutover.access import Access, require_environment
from engine.errors import EngineError

if TYPE_CHECKING:
    import httpx

POLICY_ID: Final = "lksg.v1"
PROBLEM_TYPE: Final = "application/problem+json"
SERIES: Final = ("cap_verifier_requests_total", "cap_verifier_request_duration_seconds_bucket", "adapt_requests_total")
"""What dashboards, alerts and the canary watch cannot do without."""
VERDICTS: Final = ("ok", "warn", "fail")

_HASH = re.compile(r"sha3-256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """One thing that was tried."""

    name: str
    """Stable: `healthz`, `readyz`, `verify`, ..."""
    request: str
    """`GET /healthz`."""
    status: int | None
    """Of the answer; None when none came."""
    elapsed_s: float
    ok: bool
    detail: str
    """What was found, or what is wrong; never text that the server chose."""

    def to_json(self) -> dict[str, Any]:
        """The check as JSON data."""
        return {
            "name": self.name,
            "request": self.request,
            "status": self.status,
            "elapsed_ms": round(self.elapsed_s * 1000, 3),
            "ok": self.ok,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class SmokeReport:
    """A smoke test of one verifier."""

    at: datetime
    env: str
    base: str
    checks: tuple[SmokeCheck, ...]

    @property
    def answer(self) -> Literal["yes", "no"]:
        """Yes when every check is good."""
        return "yes" if all(check.ok for check in self.checks) else "no"

    @property
    def failed(self) -> tuple[SmokeCheck, ...]:
        """The checks that are not good."""
        return tuple(check for check in self.checks if not check.ok)

    @property
    def document(self) -> bytes:
        """The report as canonical JSON."""
        return canonical_json(self.to_json()) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "env": self.env,
            "base": self.base,
            "ok": self.answer == "yes",
            "checks": [check.to_json() for check in self.checks],
        }


def run_smoke(
    access: Access,
    *,
    env: str,
    clock: Clock,
    policy_id: str = POLICY_ID,
    client: httpx.Client | None = None,
    emit: Callable[[Progress], None] = ignore_progress,
) -> SmokeReport:
    """Try a verifier out.

    Args:
        access: The verifier, and the token to show it.
        env: The environment that is meant.
        clock: Times the answers, and says until when keys are good.
        policy_id: The policy to verify and to read.
        client: Speaks HTTP; one of `access` when None.
        emit: Told of every check.

    Raises:
        Refused: The verifier is of another environment; nothing but `/readyz` was asked.
        Unavailable: It does not answer at all.
    """
    with client or access.client() as http:
        require_environment(http, env)
        at, run = clock.now(), _Smoke(http, access.bearer(), env=env, clock=clock, policy_id=policy_id)
        return SmokeReport(at, env, access.base, tuple(run.checks(emit)))


class _BodyError(Exception):
    """What came back is not what it must be; the text says what."""


class _Probe(NamedTuple):
    """One request, and what its answer must be."""

    name: str
    method: str
    path: str
    expected: int
    look: Callable[[httpx.Response], str]
    """Says what was found; raises `_BodyError` when it is not what it must be."""
    headers: Mapping[str, str] = MappingProxyType({})
    body: Mapping[str, Any] | None = None


class _Smoke:
    """One run: what later checks need of earlier ones."""

    def __init__(self, http: httpx.Client, token: Mapping[str, str], *, env: str, clock: Clock, policy_id: str) -> None:
        self._http = http
        self._token = token
        self._env = env
        self._clock = clock
        self._policy = f"/policy/{policy_id}"
        self._request = {"policy_id": policy_id, "context": {"_demo": True}, "backend": "mock"}
        self._result: dict[str, Any] = {}
        self._etag = '"none"'

    def checks(self, emit: Callable[[Progress], None]) -> Iterator[SmokeCheck]:
        """Every check, in order: the first three are those of the cutover's checklist."""
        probes = self._probes()
        for done, probe in enumerate(probes):
            emit(Progress("smoke", done, len(probes), probe.name))
            yield self._check(probe)
        emit(Progress("smoke", len(probes), len(probes)))

    def _probes(self) -> tuple[_Probe, ...]:
        token, verify = self._token, self._request
        return (
            _Probe("healthz", "GET", "/healthz", 200, _healthy),
            _Probe("readyz", "GET", "/readyz", 200, self._ready, token),
            _Probe("verify", "POST", "/verify", 200, self._verified, token, verify),
            _Probe("signature", "GET", "/.well-known/jwks.json", 200, self._signed),
            _Probe("no-token", "POST", "/verify", 401, _challenged, body=verify),
            _Probe("bad-token", "POST", "/verify", 401, _challenged, {"authorization": "Bearer none"}, verify),
            _Probe("not-found", "GET", "/no-such-path", 404, _problem),
            _Probe("method", "DELETE", "/verify", 405, _method_refused, token),
            _Probe("malformed", "POST", "/verify", 422, _problem, token, {"policy_id": 7}),
            _Probe("policy", "GET", self._policy, 200, self._tagged, token),
            _Probe("not-modified", "GET", self._policy, 304, self._unchanged, token),
            _Probe("metrics", "GET", "/metrics", 200, _measured, token),
        )

    def _check(self, probe: _Probe) -> SmokeCheck:
        import httpx

        headers = dict(probe.headers) | ({"if-none-match": self._etag} if probe.expected == 304 else {})
        status, detail, ok = None, "", False
        began = self._clock.monotonic()
        try:
            answer = self._http.request(probe.method, probe.path, headers=headers, json=probe.body)
        except httpx.HTTPError as error:
            detail = f"no answer ({type(error).__name__})"
        elapsed = self._clock.monotonic() - began
        if not detail:
            status = answer.status_code
            try:
                detail, ok = _found(probe, answer), True
            except _BodyError as wrong:
                detail = str(wrong)
        return SmokeCheck(probe.name, f"{probe.method} {probe.path}", status, elapsed, ok, detail)

    def _ready(self, answer: httpx.Response) -> str:
        said = _object(answer)
        if said.get("status") != "ready" or said.get("environment") != self._env:
            raise _BodyError(f"not ready, or no longer of environment {self._env}")
        return f"ready, environment {self._env}"

    def _verified(self, answer: httpx.Response) -> str:
        result = _object(answer).get("result")
        if not isinstance(result, dict):
            raise _BodyError("there is no .result")
        hashes = ("policy_hash", "ir_hash", "manifest_hash")
        missing = [name for name in hashes if not _HASH.fullmatch(str(result.get(name)))]
        if missing:
            raise _BodyError(f".result has no {', '.join(missing)}")
        if result.get("verdict") not in VERDICTS or result.get("policy_id") != self._request["policy_id"]:
            raise _BodyError(".result has no verdict on the policy that was asked for")
        self._result = result
        return f"verdict {result['verdict']}"

    def _signed(self, answer: httpx.Response) -> str:
        from engine.trust import verify_result

        if not self._result:
            raise _BodyError("there is no result whose signature could be checked")
        try:
            verified = verify_result(self._result, _object(answer), now=self._clock.now())
        except EngineError as error:
            raise _BodyError(f"{error.message} ({error.code})") from error
        return f"the result's signature holds, key {verified.kid[:8]}"

    def _tagged(self, answer: httpx.Response) -> str:
        self._etag = answer.headers.get("etag", "") or '"none"'
        if self._etag != f'"ir:{_object(answer).get("ir_hash")}"':
            raise _BodyError("the ETag does not name the IR that was sent")
        return "the ETag names the IR"

    def _unchanged(self, answer: httpx.Response) -> str:
        if answer.content or answer.headers.get("etag") != self._etag:
            raise _BodyError("a policy that is known is sent again, or under another ETag")
        return "what is known is not sent again"


def _found(probe: _Probe, answer: httpx.Response) -> str:
    """What the answer shows. Raises _BodyError when it is not what it must be."""
    if answer.status_code != probe.expected:
        raise _BodyError(f"expected {probe.expected}{_hint(answer.status_code)}")
    return probe.look(answer)


def _healthy(answer: httpx.Response) -> str:
    if _object(answer) != {"status": "ok"}:
        raise _BodyError('expected exactly {"status":"ok"}')
    return "alive"


def _problem(answer: httpx.Response) -> str:
    said = _object(answer)
    is_problem = answer.headers.get("content-type", "").startswith(PROBLEM_TYPE)
    if not is_problem or said.get("status") != answer.status_code or not {"code", "request_id"} <= said.keys():
        raise _BodyError("no problem document with status, code and request id (RFC 9457)")
    return "a problem document with code and request id"


def _challenged(answer: httpx.Response) -> str:
    found = _problem(answer)
    if not answer.headers.get("www-authenticate", "").startswith("Bearer"):
        raise _BodyError("no WWW-Authenticate: Bearer (RFC 6750)")
    return f"refused with {found}"


def _method_refused(answer: httpx.Response) -> str:
    found = _problem(answer)
    if "POST" not in answer.headers.get("allow", ""):
        raise _BodyError("no Allow: POST (RFC 9110, section 15.5.6)")
    return f"refused with {found}"


def _measured(answer: httpx.Response) -> str:
    names = {line.partition("{")[0].partition(" ")[0] for line in answer.text.splitlines()}
    if missing := [name for name in SERIES if name not in names]:
        raise _BodyError(f"no series {', '.join(missing)}")
    if not re.search(r'^cap_verifier_requests_total\{[^}]*result="error"', answer.text, re.MULTILINE):
        raise _BodyError("the series of 5xx answers is not born yet: no canary could trust its silence")
    return "the series of traffic, latency, decisions and errors are there"


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise _BodyError("the answer is no JSON object")
    return said


def _hint(status: int) -> str:
    match status:
        case 401:
            return "; the token is not accepted here, or has expired"
        case 403:
            return "; the token lacks a scope: verify:run, policy:read and metrics:read are needed"
        case 429:
            return "; the client is over its rate limit"
        case _ if status >= 500:
            return "; see the verifier's log"
        case _:
            return ""
