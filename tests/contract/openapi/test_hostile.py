"""What no honest client sends: the answer is a problem document with a stable code, never a 500, and never an echo."""

from __future__ import annotations

import json
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.canonical import strict_json
from engine.decision.context import MAX_SUPPLIERS
from engine.verifier.body import MAX_BODY_BYTES
from engine.verifier.contract import ENDPOINTS, examples
from engine.verifier.contract.endpoint import Endpoint
from tests.contract.openapi.bodies import JSON, mutated
from tests.contract.openapi.caller import Caller
from tests.contract.openapi.conftest import Process
from tests.contract.openapi.document import CommittedDocument

SECRET: Final = "Mustermann"
TAKE_BODIES: Final = [pytest.param(e, id=e.id) for e in ENDPOINTS if e.body is not None]
BY_ID: Final = {e.id: e for e in ENDPOINTS}
NAMES: Final = [
    *("policy_id", "ir", "context", "candidate", "options", "backend", "policy", "lint_mode", "persist"),
    *("percent", "paused", "reason", "break_glass", "weights", "selector", "at", "rollout_percent", "surprise"),
]
BEYOND_FORM: Final = {"decision.unknown_weight", "policy.lint", "rollout.if_match", "rollout.reason_needed"}
"""Refusals that depend on more than the body's own form: the policy, its rules, the request's headers."""
EXAMPLES: Final = st.sampled_from([body for e in ENDPOINTS for body in e.examples.values()])


def post(service: Caller, endpoint: Endpoint, body: bytes, **headers: str) -> httpx.Response:
    return service.request(
        endpoint.method, endpoint.path, content=body, headers={"content-type": "application/json", **headers}
    )


def in_context(value: str) -> bytes:
    return b'{"policy_id":"lksg.v1","context":{"variables":{"x":%b}}}' % value.encode()


BAD_BODIES: Final = {
    "nothing": (b"", 400, "json.malformed"),
    "no JSON": (b"policy_id: lksg.v1", 400, "json.malformed"),
    "no UTF-8": (b'{"\xff": 1}', 400, "json.not_utf8"),
    "half a character": (rb'{"\ud800": 1}', 400, "json.ambiguous"),
    "a key twice": (b'{"surprise": 1, "surprise": 2}', 400, "json.ambiguous"),
    "NaN": (in_context("NaN"), 400, "json.ambiguous"),
    "Infinity": (in_context("-Infinity"), 400, "json.ambiguous"),
    "a number beyond doubles": (in_context("1e999"), 400, "json.ambiguous"),
    "a number of 5,000 digits": (in_context("9" * 5_000), 400, "json.malformed"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, 400, "json.malformed"),
    "100 levels": (in_context("[" * 100 + "]" * 100), 400, "json.ambiguous"),
    "a list": (b"[]", 422, "http.not_an_object"),
    "three megabytes": (b'{"surprise":"' + b"x" * (MAX_BODY_BYTES + 1) + b'"}', 413, "http.too_large"),
}


@pytest.mark.parametrize("endpoint", TAKE_BODIES)
@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_no_strict_json_is_refused_everywhere(
    service: Caller, document: CommittedDocument, endpoint: Endpoint, name: str
) -> None:
    body, status, code = BAD_BODIES[name]
    answer = post(service, endpoint, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    document.check(endpoint.method, endpoint.path, answer)


@pytest.mark.parametrize("endpoint", TAKE_BODIES)
@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_that_is_not_declared_as_json_is_refused(service: Caller, endpoint: Endpoint, media_type: str) -> None:
    answer = post(service, endpoint, b"{}", **{"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "http.media_type")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(id=st.sampled_from([e.id for e in ENDPOINTS if e.body]), body=mutated(EXAMPLES, NAMES) | JSON)
def test_no_body_gets_an_answer_that_is_not_documented(
    service: Caller, document: CommittedDocument, id: str, body: Any
) -> None:
    """Any endpoint, any endpoint's body, nearly right: status, code, headers and form are as promised, never 5xx.

    The contract's model accepts what the service does, and refuses what the service refuses for its form.
    """
    endpoint, sent = BY_ID[id], json.dumps(body).encode()
    answer = post(service, endpoint, sent, **{"if-match": '"1"'})
    assert answer.status_code < 500
    document.check(endpoint.method, endpoint.path, answer)
    assert endpoint.body is not None
    if answer.status_code == 200:
        endpoint.body.model_validate(strict_json(sent))
    elif answer.status_code in (400, 422) and answer.json()["code"] not in BEYOND_FORM:
        with pytest.raises(ValueError, match="validation error"):
            endpoint.body.model_validate(strict_json(sent))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(min_value=2**53) | st.integers(max_value=-(2**53)), at=st.sampled_from(range(6)))
def test_no_number_is_too_large_to_be_refused(
    service: Caller, document: CommittedDocument, number: int, at: int
) -> None:
    """Integers that no double holds pass a JSON reader, and break what calculates with them unprepared."""
    verify, adapt, change = BY_ID["verify"], BY_ID["runAdaptation"], BY_ID["changeRollout"]
    weighted = {"selector": "weighted", "weights": {"R1": number}}
    endpoint, body = [
        (verify, {**examples.VERIFY_INLINE, "options": {"rollout_percent": number}}),
        (verify, {**examples.VERIFY_INLINE, "options": {"drift_max_ratio": number}}),
        (verify, {"policy_id": "lksg.v1", "context": {"variables": {"x": [number]}}}),
        (adapt, {**examples.ADAPT_DEMO, "options": {"drift_max_ratio": number}}),
        (adapt, {**examples.VERIFY_INLINE, "options": weighted}),
        (change, {"percent": number}),
    ][at]
    answer = post(service, endpoint, json.dumps(body).encode())
    assert 400 <= answer.status_code < 500
    document.check(endpoint.method, endpoint.path, answer)


def test_ten_thousand_suppliers_are_verified_and_one_more_is_not(service: Caller, document: CommittedDocument) -> None:
    def ask(count: int) -> httpx.Response:
        suppliers = [{"supplier_hash": f"s{n}", "supplier_regions": ["DE"]} for n in range(count)]
        body = {"ir": examples.IR, "context": {"suppliers": suppliers}}
        answer = post(service, BY_ID["verify"], json.dumps(body).encode())
        document.check("POST", "/verify", answer)
        return answer

    assert len(ask(MAX_SUPPLIERS).json()["result"]["suppliers"]) == MAX_SUPPLIERS
    refused = ask(MAX_SUPPLIERS + 1)
    assert (refused.status_code, refused.json()["code"]) == (422, "context.malformed")


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"ir_hash": "sha3-256:" + "0" * 64}, (422, "ir.hash_mismatch")),
        ({"ir_version": "9.0"}, (422, "ir.unsupported_version")),
        ({"policy_id": "another.v1"}, (422, "ir.hash_mismatch")),
        ({"rules": []}, (422, "ir.malformed")),
        ({"surprise": 1}, (422, "ir.malformed")),
        ({"rules": [{**examples.IR["rules"][0], "severity": 1e-7}]}, (422, "ir.malformed")),
        ({"policy_hash": "x" * 70_000}, (422, "ir.too_large")),
        ({"policy_id": 2**60}, (400, "json.not_canonical")),
    ],
)
@pytest.mark.parametrize("id", ["verify", "planAdaptation", "runAdaptation"])
def test_an_ir_that_is_not_what_it_says_is_refused(
    service: Caller, document: CommittedDocument, id: str, changed: dict[str, Any], refusal: tuple[int, str]
) -> None:
    body = {"ir": {**examples.IR, **changed}, "context": {"supplier_regions": ["DE"]}}
    answer = post(service, BY_ID[id], json.dumps(body).encode())
    assert (answer.status_code, answer.json()["code"]) == refusal
    document.check("POST", BY_ID[id].path, answer)


@pytest.mark.parametrize("place", ["supplier_hashes", "sanctions_root", "variables"])
def test_a_refusal_does_not_repeat_what_was_sent(service: Caller, place: str) -> None:
    """Contexts hold personal data; answers are logged by whoever asks."""
    body = {"policy_id": "lksg.v1", "context": {place: {"name": [SECRET, {SECRET: SECRET}]}}}
    answer = post(service, BY_ID["verify"], json.dumps(body).encode())
    assert answer.status_code == 422
    assert SECRET not in answer.text


class Wire:
    """A connection on which anything can be sent."""

    def __init__(self, process: Process) -> None:
        address = urlsplit(process.url)
        self._connection = socket.create_connection((address.hostname, address.port), timeout=10)
        self._token = process.token

    def ask(self, *lines: str, body: bytes = b"", line: str = "POST /verify HTTP/1.1") -> tuple[int, str, bytes]:
        """Send a request as it is, and return status, head and body of the answer; status 0 for a hang-up."""
        head = [line, "host: 127.0.0.1", f"authorization: Bearer {self._token}", "connection: close", *lines]
        with self._connection as connection:
            connection.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
            received = b"".join(iter(lambda: _received(connection), b""))
        answered, _, content = received.partition(b"\r\n\r\n")
        status = int(answered.split(b" ")[1]) if answered else 0
        return status, answered.decode("latin-1"), content


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


CHUNKED: Final = ("content-type: application/json", "transfer-encoding: chunked")
VALID: Final = json.dumps(examples.VERIFY_DEMO).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_body_in_chunks_is_put_together(process: Process) -> None:
    status, _, content = Wire(process).ask(*CHUNKED, body=chunk(VALID[:7]) + chunk(VALID[7:]) + chunk(b""))
    assert status == 200
    assert strict_json(content)["result"]["verdict"] == "ok"


def test_chunks_without_end_stop_at_the_limit(process: Process) -> None:
    """Without a content length the size is only known on the way."""
    status, _, content = Wire(process).ask(*CHUNKED, body=chunk(b" " * 65_536) * 40 + chunk(b""))
    assert (status, strict_json(content)["code"]) == (413, "http.too_large")


@pytest.mark.parametrize(
    "rubbish", [b"zz\r\n{}\r\n", b"-5\r\n{}\r\n0\r\n\r\n", b"fffffffffffffffff\r\n{}", b"\x00" * 50]
)
def test_rubbish_for_chunks_is_refused(process: Process, rubbish: bytes) -> None:
    assert Wire(process).ask(*CHUNKED, body=rubbish)[0] == 400


@pytest.mark.parametrize(
    "lines",
    [
        ("content-length: 5", "content-length: 50"),
        ("content-length: 5", "transfer-encoding: chunked"),
        ("content-length: -1",),
        ("content-length: 0x10",),
        ("x-request-id : spaced",),
        ("x\x00y: null byte",),
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(process: Process, lines: tuple[str, ...]) -> None:
    """Else a proxy and the service would disagree about where the next request begins (RFC 9112, section 11.2)."""
    assert Wire(process).ask("content-type: application/json", *lines, body=b"0\r\n\r\nGET /")[0] == 400


@pytest.mark.parametrize("id", ["a\tb", "a b", "x" * 65, "<script>", "é", '"; drop', "a,b"])
def test_a_request_id_that_could_be_more_is_replaced(process: Process, id: str) -> None:
    """It comes back in a header and stands in the log."""
    status, head, _ = Wire(process).ask(f"x-request-id: {id}", line="GET /healthz HTTP/1.1")
    assert status == 200
    assert id not in head


def test_what_came_after_a_line_break_is_no_header_of_the_answer(process: Process) -> None:
    status, head, _ = Wire(process).ask("x-request-id: a\r\nset-cookie: injected=1", line="GET /healthz HTTP/1.1")
    assert status == 200
    assert "injected" not in head
    status, head, _ = Wire(process).ask(line="GET /policy/a%0d%0aset-cookie:%20injected=1 HTTP/1.1")
    assert status == 404
    assert "injected" not in head
