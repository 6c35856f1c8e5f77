"""`/adapt/plan` and `/adapt/run`: what `capctl adapt` answers, byte for byte, without effect on any rollout."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.adaptation import Adaptation, AdaptRequest, adapt
from engine.canonical import canonical_json
from engine.clock import from_rfc3339
from engine.decision.select import Selector
from engine.errors import InvalidInput
from engine.policies.demonstration import demo_context
from engine.policy import PolicyIR, read_ir
from engine.policy.names import ID_PATTERN
from engine.rollout.plan import parse_percent
from engine.verifier.body import read_json_object
from engine.verifier.runtime import Runtime
from engine.verifier.status_endpoints import NO_STORE
from engine.verifier.store_thread import StoreThread
from engine.verifier.verification import MAX_INLINE_IR_BYTES

MEMBERS: Final = frozenset({"policy_id", "ir", "context", "candidate", "options"})
OPTIONS: Final = frozenset({"enforce", "rollout_percent", "drift_max_ratio", "selector", "weights", "at"})
DEFAULT_DRIFT_MAX: Final = 0.005


class AdaptEndpoints:
    """Endpoints that decide one context as the request's own options say.

    Args:
        runtime: The verifier.
        store_thread: Where policies and lists are looked up.
    """

    def __init__(self, runtime: Runtime, store_thread: StoreThread) -> None:
        self._runtime = runtime
        self._store_thread = store_thread

    async def plan(self, request: Request) -> Response:
        """The adaptive plan of a context; the document that `capctl adapt --dry-run -o` writes."""
        return await self._answer(request, plan_only=True)

    async def run(self, request: Request) -> Response:
        """The plan and the decision; the document that `capctl adapt -o` writes."""
        return await self._answer(request, plan_only=False)

    async def _answer(self, request: Request, *, plan_only: bool) -> Response:
        document = await read_json_object(request.scope, request.receive)
        adaptation = await self._store_thread.run(partial(self._adapt, document, plan_only=plan_only))
        return Response(adaptation.document, media_type="application/json", headers=NO_STORE)

    def _adapt(self, document: dict[str, Any], *, plan_only: bool) -> Adaptation:
        _known(document, MEMBERS, "member")
        options = document.get("options", {})
        if not isinstance(options, dict):
            raise _malformed("has options that are no object")
        _known(options, OPTIONS, "option")
        request = self._request(options)
        return adapt(
            self._runtime.ctx.catalog,
            baseline=self._baseline(document),
            candidate=self._published(document["candidate"]) if "candidate" in document else None,
            context=_context(document.get("context"), request),
            request=request,
            weights=_weights(options),
            plan_only=plan_only,
        )

    def _request(self, options: dict[str, Any]) -> AdaptRequest:
        enforce, at = options.get("enforce", False), options.get("at", "")
        limit, selector = options.get("drift_max_ratio", DEFAULT_DRIFT_MAX), options.get("selector", Selector.BASIC)
        if not isinstance(enforce, bool) or not isinstance(at, str):
            raise _malformed("has an option of the wrong type")
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not isinstance(selector, str):
            raise _malformed("has an option of the wrong type")
        return AdaptRequest(
            enforce=enforce,
            basis_points=parse_percent(options.get("rollout_percent", 0)),
            drift_max_ratio=limit,
            selector=selector,
            at=from_rfc3339(at) if "at" in options else self._runtime.clock.now(),
        )

    def _baseline(self, document: dict[str, Any]) -> PolicyIR:
        if ("policy_id" in document) == ("ir" in document):
            raise _malformed("needs either policy_id or ir")
        if "policy_id" in document:
            return self._published(document["policy_id"])
        data = canonical_json(document["ir"])
        if len(data) > MAX_INLINE_IR_BYTES:
            raise InvalidInput(
                "ir.too_large", f"The IR is larger than {MAX_INLINE_IR_BYTES // 1024} KiB", "Publish it, and name it."
            )
        return read_ir(data)

    def _published(self, policy_id: Any) -> PolicyIR:
        if not isinstance(policy_id, str) or not ID_PATTERN.fullmatch(policy_id):
            raise _malformed("names a policy by what is no policy id")
        return self._runtime.ctx.catalog.policy(policy_id)


def _context(context: Any, request: AdaptRequest) -> Any:
    return demo_context(request.at) if context == {"_demo": True} else context


def _weights(options: dict[str, Any]) -> dict[str, float] | None:
    if "weights" not in options:
        return None
    weights = options["weights"]
    if options.get("selector") != Selector.WEIGHTED:
        raise InvalidInput("adapt.unused_weights", "weights have no effect here", 'Add "selector": "weighted".')
    if not isinstance(weights, dict):
        raise _malformed("has weights that are no object")
    return weights


def _known(document: dict[str, Any], names: frozenset[str], what: str) -> None:
    unknown = document.keys() - names
    if unknown:
        raise _malformed(f"has an unknown {what} {min(unknown)[:40]!r}")


def _malformed(what: str) -> InvalidInput:
    return InvalidInput(
        "adapt.malformed",
        f"The request {what}",
        'Send {"policy_id": "lksg.v1", "context": {...}, "options": {"enforce": true, "rollout_percent": 25}}.',
    )
