"""Pulled suppliers verified, by the service or right here, and the signature of what came back checked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from engine.canonical import canonical_json, strict_json
from engine.errors import EngineError, InvalidInput, Refused, Unavailable
from engine.ops.results.pilot import VERDICTS, RuleCount, VerifiedContext
from engine.ops.target import policy_id
from engine.ports import ReferenceSetEntry
from engine.sap.pseudonym import key_id_of
from engine.trust import VerifiedResult, to_jwks, verify_result
from engine.trust.custody import custody_of
from engine.trust.responding import RingSigner

if TYPE_CHECKING:
    import httpx

    from engine.context import EngineContext
    from engine.ports import Store

SAP_POLICY: Final = "lksg-sap.v1"
TIMEOUT_S: Final = 120.0
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def verify_file(ctx: EngineContext, path: str, *, policy: str | None, base: str | None) -> VerifiedContext:
    """Verify the context in a file; see `engine.ops.pilot.verify`."""
    from engine.ops.files import read_json

    return verify_context(ctx, read_json(path, what="context"), policy=policy, base=base)


def verify_context(ctx: EngineContext, context: Any, *, policy: str | None, base: str | None) -> VerifiedContext:
    """Have a context verified, and check what comes back.

    Args:
        ctx: Who asks.
        context: Unverified.
        policy: The policy's id.
        base: The verifier's URL; None for `$BASE`, and without it the verification happens in this process.

    Raises:
        InvalidInput: The context is none.
        Refused: The verifier refuses, or its signature is none.
        Unavailable: It does not answer.
    """
    url = base or os.environ.get("BASE", "")
    if not url and ctx.env == "demo":
        from engine.demo.seed import furnish

        furnish(ctx)
    request = {"policy_id": pilot_policy(ctx, policy), "context": context}
    document = _ask(url, request) if url else _verify_here(ctx, request)
    verified = verify_result(document, key_set(ctx, base=base, jwks=None), now=ctx.clock.now())
    return VerifiedContext(verified.document, document + b"\n", *summary(verified.document))


def pilot_policy(ctx: EngineContext, given: str | None) -> str:
    """The policy a pilot verifies with where none is given: the one for suppliers from SAP, where it is published."""
    if given:
        return given
    published = {entry.policy_id for entry in ctx.store.policies()}
    return SAP_POLICY if SAP_POLICY in published else policy_id(ctx, None)


def read_signed(unverified: bytes, keys: Mapping[str, Any], *, now: datetime) -> VerifiedResult:
    """A signed result out of what was kept of a verifier's answer, its signature checked.

    Args:
        unverified: The answer `{"result": ...}`, or the result in it.
        keys: The verifier's key set, from `key_set`.
        now: The wall time.

    Raises:
        InvalidInput: It is nothing of the kind, or not about suppliers of SAP.
        Refused: The signature does not fit: it was changed, or someone else signed it.
    """
    data: Any = unverified.strip()
    if data.startswith(b"{"):
        data = strict_json(data, what="The result")
        if isinstance(data, dict) and data.keys() == {"result"}:
            data = data["result"]
        if not isinstance(data, dict):
            raise InvalidInput(
                "pilot.no_result", "The file holds no verification result", "Give what /verify answered."
            )
    verified = verify_result(data, keys, now=now)
    if not any(key_id_of(supplier.get("supplier_hash")) for supplier in verified.document.get("suppliers", ())):
        raise InvalidInput(
            "sap.not_pseudonyms",
            "The result is not about suppliers that were pulled from SAP",
            "Pull them with cap-adapter pull, verify that context, and write that result back.",
        )
    return verified


def key_set(ctx: EngineContext, *, base: str | None, jwks: str | None) -> Mapping[str, Any]:
    """The keys that results may be signed with: from a file, from the verifier, or this environment's own."""
    if jwks:
        from engine.ops.files import read_json

        return dict(read_json(jwks, what="key set"))
    if url := base or os.environ.get("BASE", ""):
        answer = _request(url, "GET", "/.well-known/jwks.json", None)
        return dict(strict_json(answer.content, what="The verifier's key set"))
    return to_jwks(_own_signer(ctx).public_keys())


def summary(result: Mapping[str, Any]) -> tuple[dict[str, int], tuple[RuleCount, ...]]:
    """Suppliers by verdict, and violations by rule."""
    verdicts = Counter(supplier["verdict"] for supplier in result["suppliers"])
    rules = Counter((v["rule_id"], v["reason"]) for supplier in result["suppliers"] for v in supplier["violations"])
    counts = [RuleCount(rule_id, reason, n) for (rule_id, reason), n in rules.items()]
    return {name: verdicts[name] for name in VERDICTS}, tuple(
        sorted(counts, key=lambda count: (-count.suppliers, count.rule_id, count.reason))
    )


def _verify_here(ctx: EngineContext, request: Mapping[str, Any]) -> bytes:
    """What the service would answer, from the same registry, the same code and the same key."""
    from engine.verifier.serving import load_serving
    from engine.verifier.verification import verify

    # Lists for demonstrations have no place in production, where every list was imported by somebody.
    store = ctx.store if ctx.settings.is_production else cast("Store", _WithShippedLists(ctx))
    serving = load_serving(store, None)
    verification = verify(request, serving, ctx.clock.now())
    return _own_signer(ctx).sign(verification.result).to_document()


class _WithShippedLists:
    """The registry with the shipped lists beside the imported ones, as `adapt` has them."""

    def __init__(self, ctx: EngineContext) -> None:
        self._store = ctx.store
        self._sets = ctx.catalog.reference_sets()
        self._now = ctx.clock.now()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def reference_sets(self) -> list[ReferenceSetEntry]:
        return [ReferenceSetEntry(root, "", 0, self._now) for root in self._sets]

    def reference_set(self, root: str) -> frozenset[str]:
        return self._sets[root]


def _own_signer(ctx: EngineContext) -> RingSigner:
    return RingSigner.open(custody_of(ctx), ctx.clock)


def _ask(url: str, request: Mapping[str, Any]) -> bytes:
    answer = strict_json(
        _request(url, "POST", "/verify", canonical_json(request)).content, what="The verifier's answer"
    )
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
        raise Unavailable("pilot.verifier_answer", "The verifier answered something else", "Check --base.")
    return canonical_json(answer["result"])


def _request(url: str, method: str, path: str, body: bytes | None) -> httpx.Response:
    import httpx

    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise InvalidInput("pilot.not_encrypted", "--base is not encrypted, and the token would be seen", "Use https.")
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("TOKEN", ""):
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = httpx.request(method, url.rstrip("/") + path, content=body, headers=headers, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(
            "pilot.verifier_away", "The verifier does not answer", "Check --base and its /readyz."
        ) from error
    if answer.status_code != 200:
        raise _refusal(answer)
    return answer


def _refusal(answer: httpx.Response) -> EngineError:
    try:
        code = str(answer.json()["code"])
    except (ValueError, TypeError, KeyError):
        code = "none"
    told = f"The verifier refused (HTTP {answer.status_code}, code {code[:60]})"
    if answer.status_code in (401, 403):
        return Refused("pilot.verifier_refused", told, "Set TOKEN to a token with the scope verify:run.")
    if answer.status_code >= 500 or answer.status_code == 429:
        return Unavailable("pilot.verifier_unavailable", told, "Run the same command again later.")
    return InvalidInput("pilot.verifier_refused", told, "Check the context and --policy.")
