"""Policies over HTTP: compile one, publish it, read what is published."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.audit import AuditEvent
from engine.canonical import canonical_json
from engine.errors import InvalidInput, NotFound
from engine.policy import LintReport, PolicyIR, compile_policy, lint
from engine.verifier.body import read_json_object
from engine.verifier.problems import LintRefused
from engine.verifier.runtime import Runtime
from engine.verifier.status_endpoints import NO_STORE
from engine.verifier.store_thread import StoreThread
from engine.verifier.tags import policy_tag

MEMBERS: Final = frozenset({"policy", "lint_mode", "persist"})
LINT_MODES: Final = ("strict", "relaxed")
_log = logging.getLogger("capctl.verifier")
FILE: Final = "policy"
"""How findings name a source that came without a file."""


class PolicyEndpoints:
    """Endpoints that read and change policies.

    Args:
        runtime: The verifier.
        store_thread: Where its store is used.
    """

    def __init__(self, runtime: Runtime, store_thread: StoreThread) -> None:
        self._runtime = runtime
        self._store_thread = store_thread

    async def show(self, request: Request) -> Response:
        """The published IR of a policy, as its canonical bytes."""
        serving = self._runtime.serving
        served = serving.policies.get(request.path_params["policy_id"]) if serving else None
        if served is None:
            raise NotFound("policy.unknown", "No policy of that id is published", "See `capctl policy list`.")
        headers = {"etag": policy_tag(served.decider.ir.ir_hash), "cache-control": "no-cache"}
        if _matches(request.headers.get("if-none-match", ""), headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(served.decider.ir.canonical, media_type="application/json", headers=headers)

    async def compile(self, request: Request) -> Response:
        """Compile a policy, and publish it where `persist` says so."""
        document = await read_json_object(request.scope, request.receive)
        source, strict, persist = _asked(document)
        # A large policy takes a while, and neither requests nor the store's upkeep should wait for it.
        ir, report = await asyncio.to_thread(_compile, source, strict=strict)
        if persist:
            actor = request.scope["state"]["principal"].actor
            await self._store_thread.run(partial(self._publish, ir, source, actor))
            await self._store_thread.run(self._runtime.refresh)
            _log.info("policy published", extra={"request_id": request.scope["state"]["request_id"], "actor": actor})
        answer = {
            "policy_id": ir.policy_id,
            "policy_hash": ir.policy_hash,
            "ir_hash": ir.ir_hash,
            "ir": ir.to_json(),
            "persisted": persist,
            "findings": [finding.to_json() for finding in report.findings],
        }
        return JSONResponse(answer, headers={"etag": policy_tag(ir.ir_hash), **NO_STORE})

    def _publish(self, ir: PolicyIR, source: bytes, actor: str) -> None:
        store = self._runtime.ctx.store
        event = AuditEvent("policy.publish", "done", store.pseudonym(actor), object=ir.policy_id, evidence=ir.ir_hash)
        store.publish(ir, source, at=self._runtime.clock.now(), audit=event)


def _asked(document: dict[str, Any]) -> tuple[bytes, bool, bool]:
    """The policy's source, whether any error refuses it, and whether to publish it."""
    unknown = document.keys() - MEMBERS
    if unknown:
        raise _malformed(f"has an unknown member {min(unknown)[:40]!r}")
    mode, persist = document.get("lint_mode", LINT_MODES[0]), document.get("persist", False)
    if mode not in LINT_MODES:
        raise _malformed("has a lint_mode that is neither strict nor relaxed")
    if not isinstance(persist, bool):
        raise _malformed("has a persist that is neither true nor false")
    if persist and mode != LINT_MODES[0]:
        raise InvalidInput(
            "compile.persist_strictly", "Only what passes strict lint is published", "Leave lint_mode out."
        )
    return _source(document.get("policy")), mode == LINT_MODES[0], persist


def _source(policy: Any) -> bytes:
    if isinstance(policy, dict):
        return canonical_json(policy)
    if isinstance(policy, str):
        try:
            return base64.b64decode(policy, validate=True)
        except (binascii.Error, ValueError):
            raise _malformed("has a policy that is text but not base64") from None
    raise _malformed("has no policy")


def _compile(source: bytes, *, strict: bool) -> tuple[PolicyIR, LintReport]:
    report = lint(source, file=FILE)
    try:
        accepted = report.accepted(strict=strict)
    except InvalidInput as refusal:
        raise LintRefused(refusal, report.findings) from None
    return compile_policy(accepted), report


def _matches(if_none_match: str, tag: str) -> bool:
    """Whether a tag is among those the caller has (RFC 9110, section 13.1.2; the comparison is weak)."""
    known = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return tag in known or known == ["*"]


def _malformed(what: str) -> InvalidInput:
    return InvalidInput(
        "compile.malformed",
        f"The request {what}",
        'Send {"policy": YAML in base64, or an object}; lint_mode is strict or relaxed, persist true or false.',
    )
