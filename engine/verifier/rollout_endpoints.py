"""The rollout over HTTP: read it, change it, see what its gate rests on.

Changes go through `RolloutService`, as everybody's do: the gate stands there. The actor is the pseudonym of the token's
subject. To pass a gate that is not open needs a scope of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.drift.sample import WINDOWS
from engine.errors import InvalidInput, NotFound
from engine.policy.names import ID_PATTERN
from engine.rollout.assessment import Assessment
from engine.rollout.codec import public_json
from engine.rollout.plan import parse_percent
from engine.rollout.snapshot import counts_to_json
from engine.rollout.state import RolloutState
from engine.rollout.transitions import MAX_REASON
from engine.verifier.access import Access
from engine.verifier.auth import Principal, Scope
from engine.verifier.body import read_json_object
from engine.verifier.problems import RequestError
from engine.verifier.runtime import Runtime
from engine.verifier.status_endpoints import NO_STORE
from engine.verifier.store_thread import StoreThread

MEMBERS: Final = frozenset({"policy_id", "percent", "paused", "reason", "break_glass"})
_ETAG = re.compile(r'"(\d{1,15})"')


class RolloutEndpoints:
    """Endpoints that read and change rollouts.

    Args:
        runtime: The verifier.
        access: Asked again when a change passes the gate.
        store_thread: Where its store is used.
    """

    def __init__(self, runtime: Runtime, access: Access, store_thread: StoreThread) -> None:
        self._runtime = runtime
        self._access = access
        self._store_thread = store_thread

    async def rollout(self, request: Request) -> Response:
        """Where a rollout stands (GET), or a change of it (PUT)."""
        return await (self._change(request) if request.method == "PUT" else self._show(request))

    async def _show(self, request: Request) -> Response:
        """The rollout of a policy and its gate; the ETag is the revision."""
        policy_id = self._policy_id(request.query_params.get("policy_id"))
        assessment = await self._store_thread.run(lambda: self._runtime.service.assess(policy_id))
        return _rollout_response(assessment.state, gate=assessment.report.to_json())

    async def _change(self, request: Request) -> Response:
        """Set the percentage, pause or go on. `If-Match` names the revision it is based on; going to 0 needs none."""
        document = await read_json_object(request.scope, request.receive)
        change = self._change_of(document, request)
        state = await self._store_thread.run(change)
        await self._store_thread.run(self._runtime.refresh)
        return _rollout_response(state)

    async def drift(self, request: Request) -> Response:
        """Windows and evidence, for one policy or all that have a rollout."""
        asked = request.query_params.get("policy_id")
        policy_ids = [self._policy_id(asked)] if asked is not None else self._with_rollout()
        service = self._runtime.service
        found = await self._store_thread.run(lambda: [service.assess(policy_id) for policy_id in policy_ids])
        return JSONResponse({"policies": {a.state.policy_id: _drift_json(a) for a in found}}, headers=NO_STORE)

    def _with_rollout(self) -> list[str]:
        serving = self._runtime.serving
        return [policy_id for policy_id, served in serving.policies.items() if served.rollout] if serving else []

    def _policy_id(self, asked: object) -> str:
        if asked is None:
            known = self._with_rollout()
            if len(known) == 1:
                return known[0]
            raise NotFound(
                "rollout.which", f"{len(known)} policies have a rollout", "Name one: ?policy_id=lksg.v1, or policy_id."
            )
        if not isinstance(asked, str) or not ID_PATTERN.fullmatch(asked):
            raise InvalidInput("rollout.malformed", "policy_id is no policy id", "Name a published policy.")
        return asked

    def _change_of(self, document: dict[str, Any], request: Request) -> Callable[[], RolloutState]:
        unknown = document.keys() - MEMBERS
        if unknown or ("percent" in document) == ("paused" in document):
            raise InvalidInput(
                "rollout.malformed",
                "The request is not one change of a rollout",
                'Send {"percent": 25} or {"paused": true}, with policy_id and reason as needed.',
            )
        service, policy_id = self._runtime.service, self._policy_id(document.get("policy_id"))
        paused = document.get("paused")
        if "paused" in document and not isinstance(paused, bool):
            raise InvalidInput("rollout.malformed", "paused is neither true nor false", "Send a boolean.")
        basis_points = parse_percent(document["percent"]) if "percent" in document else None
        principal: Principal = request.scope["state"]["principal"]
        break_glass = document.get("break_glass", False)
        if not isinstance(break_glass, bool) or (break_glass and not basis_points):
            raise InvalidInput(
                "rollout.malformed", "break_glass is not true or false beside a percentage", "It goes with percent."
            )
        if break_glass:
            self._access.require(principal, Scope.ROLLOUT_OVERRIDE)
        with_this: dict[str, Any] = {
            "actor": principal.actor,
            "reason": _reason(document.get("reason", "")),
            "expected_revision": _revision(request, required=basis_points != 0),
        }
        if basis_points == 0:
            return partial(service.rollback, policy_id, **with_this)
        if basis_points is not None:
            return partial(service.set_percent, policy_id, basis_points, break_glass=break_glass, **with_this)
        return partial(service.pause if paused else service.resume, policy_id, **with_this)


def _rollout_response(state: RolloutState, **more: Any) -> Response:
    headers = {"etag": f'"{state.revision}"', **NO_STORE}
    return JSONResponse({"rollout": public_json(state), **more}, headers=headers)


def _drift_json(assessment: Assessment) -> dict[str, Any]:
    fleet = assessment.fleet
    return {
        "step_id": assessment.state.step_id,
        "step": counts_to_json(fleet.step),
        "windows": {name: counts_to_json(fleet.windows[name]) for name in WINDOWS},
        "requests_per_s": round(fleet.requests_per_s, 3),
        "source_age_s": fleet.source_age_s,
        "gate": assessment.report.to_json(),
        "explained": [
            {"rule_id": e.rule_id, "reason": e.reason, "direction": e.direction, "preview": e.preview, "count": e.count}
            for e in fleet.explained
        ],
        "replicas": [
            {"name": r.name, "age_s": round(r.age_s, 3), "revision": r.revision, "silent": r.silent}
            for r in fleet.replicas
        ],
    }


def _revision(request: Request, *, required: bool) -> int | None:
    given = request.headers.get("if-match")
    if given is None and not required:
        return None
    match = _ETAG.fullmatch(given or "")
    if match is None:
        raise RequestError(
            400,
            "rollout.if_match",
            "The change does not say which revision it is based on",
            "Read /rollout, and send its ETag as If-Match.",
        )
    return int(match[1])


def _reason(reason: object) -> str:
    if not isinstance(reason, str) or len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidInput(
            "rollout.malformed", f"reason is not a line of at most {MAX_REASON} characters", "Shorten it."
        )
    return reason
