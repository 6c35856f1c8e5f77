"""Every status that the document promises is answered by the running service, in the form it promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from engine.canonical import canonical_json
from engine.demo.seed import POLICY_ID
from engine.trust import CompactSigner, KeySigner
from engine.verifier.arrival import ARRIVED_LATE
from engine.verifier.auth import Scope
from engine.verifier.body import MAX_BODY_BYTES
from engine.verifier.contract import ENDPOINTS, examples
from engine.verifier.contract.endpoint import Endpoint
from tests.contract.openapi.caller import Caller
from tests.contract.openapi.conftest import Serve
from tests.contract.openapi.document import CommittedDocument

BODIES: Final = {
    "verify": examples.VERIFY_DEMO,
    "compilePolicy": examples.COMPILE_JSON,
    "planAdaptation": examples.ADAPT_DEMO,
    "runAdaptation": examples.ADAPT_DEMO,
    "changeRollout": examples.ROLL_BACK,
}
"""A body that is answered with success."""
ISSUER: Final = "https://idp.example"
PROMISED: Final = [
    pytest.param(endpoint, status, id=f"{endpoint.id}-{status}")
    for endpoint in ENDPOINTS
    for status in sorted({*endpoint.answers, *endpoint.problems})
]


def cutting_bodies_off(app: ASGIApp) -> ASGIApp:
    """A connection on which no body ends."""

    async def cut_off(scope: AsgiScope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {ARRIVED_LATE: True}}, receive, send)

    return cut_off


class Asking:
    """Gets one endpoint to answer with a status."""

    def __init__(self, endpoint: Endpoint, service: Caller, serve: Serve) -> None:
        self.endpoint = endpoint
        self.service = service
        self.serve = serve

    def send(self, by: Caller | None = None, **given: Any) -> httpx.Response:
        """Ask as one should, apart from what is given."""
        endpoint = self.endpoint
        if endpoint.body is not None and "content" not in given:
            given.setdefault("json", BODIES[endpoint.id])
        path = given.pop("path", endpoint.path.format(policy_id=POLICY_ID))
        return (by or self.service).request(endpoint.method, path, **given)

    def anonymous(self) -> httpx.Response:
        return self.send(self.serve())

    def with_other_scopes(self) -> httpx.Response:
        others = set(Scope) - {self.endpoint.scope}
        return self.send(headers={"authorization": f"Bearer {self.service.mint(*others)}"})

    def too_often(self) -> httpx.Response:
        by = self.serve(rate_limit_per_s=0.1, rate_limit_burst=1, metrics_exposed=True)
        by.headers["authorization"] = f"Bearer {by.mint()}"
        self.send(by)
        return self.send(by)

    def with_unreachable_issuer(self) -> httpx.Response:
        """A token of an issuer whose keys cannot be fetched is neither believed nor called wrong."""
        by = self.serve(
            network=httpx.MockTransport(lambda _: httpx.Response(500)),
            auth_issuer=ISSUER,
            auth_audience="verifier",
            auth_jwks_url=f"{ISSUER}/keys",
            metrics_exposed=True,
        )
        signer = CompactSigner(KeySigner(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)), typ="at+jwt")
        token = signer.compact(canonical_json({"iss": ISSUER, "aud": "verifier"}))
        return self.send(by, headers={"authorization": f"Bearer {token}"})

    def before_it_knows_anything(self) -> httpx.Response:
        by = self.serve()
        by.runtime.serving = None
        return self.send(by)

    def with_a_body_that_stops(self) -> httpx.Response:
        """The rest of it does not come in time, as the protocol tells the service; how: test_arrival.py."""
        by = self.serve(before=cutting_bodies_off)
        return self.send(by, headers={"authorization": f"Bearer {by.mint()}"})

    def exposed(self, *scopes: Scope) -> httpx.Response:
        """Ask a service whose metrics can be reached from outside, with a token where scopes are named."""
        by = self.serve(metrics_exposed=True)
        return self.send(by, headers={"authorization": f"Bearer {by.mint(*scopes)}"} if scopes else {})

    def publishing_under_a_taken_id(self) -> httpx.Response:
        policy = {**examples.COMPILE_JSON["policy"], "id": POLICY_ID, "description": "Another one."}
        policy["rules"] = [{**policy["rules"][0], "description": "No site there."}]
        return self.send(json={"policy": policy, "persist": True})


GENERIC: Final[dict[int, Callable[[Asking], httpx.Response]]] = {
    200: Asking.send,
    400: lambda asking: asking.send(headers={"host": "rebound.example"}),
    401: Asking.anonymous,
    403: Asking.with_other_scopes,
    408: Asking.with_a_body_that_stops,
    413: lambda asking: asking.send(content=b" " * (MAX_BODY_BYTES + 1), headers={"content-type": "application/json"}),
    415: lambda asking: asking.send(content=b"{}", headers={"content-type": "text/plain"}),
    422: lambda asking: asking.send(json={"surprise": 1}),
    429: Asking.too_often,
    503: Asking.with_unreachable_issuer,
}
SPECIFIC: Final[dict[tuple[str, int], Callable[[Asking], httpx.Response]]] = {
    ("getReadiness", 503): Asking.before_it_knows_anything,
    ("getMetrics", 401): Asking.exposed,
    ("getMetrics", 403): lambda asking: asking.exposed(Scope.VERIFY_RUN),
    ("verify", 404): lambda asking: asking.send(json={**examples.VERIFY_DEMO, "policy_id": "unknown.v1"}),
    ("planAdaptation", 404): lambda asking: asking.send(json={**examples.ADAPT_DEMO, "policy_id": "unknown.v1"}),
    ("runAdaptation", 404): lambda asking: asking.send(json={**examples.ADAPT_DEMO, "policy_id": "unknown.v1"}),
    ("compilePolicy", 409): Asking.publishing_under_a_taken_id,
    ("getPolicy", 304): lambda asking: asking.send(headers={"if-none-match": asking.send().headers["etag"]}),
    ("getPolicy", 404): lambda asking: asking.send(path="/policy/unknown.v1"),
    ("getRollout", 404): lambda asking: asking.send(params={"policy_id": "unknown.v1"}),
    ("getRollout", 422): lambda asking: asking.send(params={"policy_id": "no id"}),
    ("getDrift", 422): lambda asking: asking.send(params={"policy_id": "no id"}),
    ("getDrift", 404): lambda asking: asking.send(params={"policy_id": "unknown.v1"}),
    ("changeRollout", 404): lambda asking: asking.send(json={"policy_id": "unknown.v1", "percent": 0}),
    ("changeRollout", 409): lambda asking: asking.send(headers={"if-match": '"999"'}),
}


@pytest.mark.parametrize(("endpoint", "status"), PROMISED)
def test_a_promised_status_is_answered_as_promised(
    endpoint: Endpoint, status: int, service: Caller, serve: Serve, document: CommittedDocument
) -> None:
    get_answer = SPECIFIC.get((endpoint.id, status)) or GENERIC[status]
    answer = get_answer(Asking(endpoint, service, serve))
    assert answer.status_code == status, answer.text
    document.check(endpoint.method, endpoint.path, answer)
    model = endpoint.answers[status].model if status in endpoint.answers else None
    if model is not None:
        model.model_validate(answer.json())


GUARDED: Final = [pytest.param(e, id=e.id) for e in ENDPOINTS if e.scope is not None]


@pytest.mark.parametrize("endpoint", GUARDED)
def test_the_scope_of_an_operation_suffices_and_no_other_does(
    endpoint: Endpoint, serve: Serve, document: CommittedDocument
) -> None:
    """What the document says under `security` is what the service asks for."""
    service = serve(metrics_exposed=True)
    security = document.operation(endpoint.method, endpoint.path)["security"]
    [scope] = {scope for alternative in security for scope in (*alternative.get("oauth2", ()),)}
    asking = Asking(endpoint, service, serve)
    let_in = asking.send(headers={"authorization": f"Bearer {service.mint(Scope(scope))}"})
    assert let_in.status_code == 200, let_in.text
    for other in set(Scope) - {Scope(scope)}:
        refused = asking.send(headers={"authorization": f"Bearer {service.mint(other)}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.insufficient_scope")


@pytest.mark.parametrize("endpoint", [pytest.param(e, id=e.id) for e in ENDPOINTS if e.scope is None or e.may_be_open])
def test_what_the_document_leaves_open_needs_no_token(endpoint: Endpoint, serve: Serve) -> None:
    assert Asking(endpoint, serve(), serve).send().status_code == 200


def test_passing_a_gate_needs_the_scope_for_it(service: Caller, serve: Serve) -> None:
    """`rollout:override` is no endpoint's scope but that of a member, as its description says."""
    [change] = [endpoint for endpoint in ENDPOINTS if endpoint.id == "changeRollout"]
    body = {"percent": 25, "break_glass": True, "reason": "as a test"}
    headers = {"authorization": f"Bearer {service.mint(Scope.ROLLOUT_WRITE)}", "if-match": '"1"'}
    refused = Asking(change, service, serve).send(json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.insufficient_scope")
