"""What happens to every request: its id, its host, its body, and the last resort."""

from __future__ import annotations

import logging

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from engine.verifier.body import MAX_BODY_BYTES
from engine.verifier.front import FrontDoor
from engine.verifier.runtime import Runtime

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("given", "answered"), [("run-17.a_b", "run-17.a_b"), ("a b", "generated-id"), ("x" * 65, "generated-id")]
)
async def test_an_acceptable_request_id_is_kept_and_any_other_replaced(
    client: httpx.AsyncClient, given: str, answered: str
) -> None:
    answer = await client.get("/nothing-here", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == answered
    assert answer.json()["request_id"] == answered


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1:8080", 200), ("localhost", 200), ("[::1]:8080", 200), ("evil.example:8080", 400)]
)
async def test_a_page_that_rebinds_its_name_to_the_loopback_gets_nothing(
    client: httpx.AsyncClient, host: str, status: int
) -> None:
    assert (await client.get("/healthz", headers={"host": host})).status_code == status


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{}", {"content-type": "text/plain"}, 415, "http.media_type"),
        (b"{}", {}, 415, "http.media_type"),
        (b"{", JSON, 400, "json.malformed"),
        (b"[]", JSON, 422, "http.not_an_object"),
        (b'{"policy_id":"a","policy_id":"b"}', JSON, 400, "json.ambiguous"),
        (b'{"policy_id":NaN}', JSON, 400, "json.ambiguous"),
        (b'{"context":' + b"[" * 5000 + b"]" * 5000 + b"}", JSON, 400, "json.malformed"),
        (b"\xff", JSON, 400, "json.not_utf8"),
        (b" " * (MAX_BODY_BYTES + 1), JSON, 413, "http.too_large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_with_a_code(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/verify", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_body_that_grows_beyond_the_limit_is_refused_without_a_declared_length(
    client: httpx.AsyncClient,
) -> None:
    async def endless():
        while True:
            yield b" " * 65536

    answer = await client.post("/verify", content=endless(), headers=JSON)
    assert answer.status_code == 413


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/rollout")
    assert (answer.status_code, answer.json()["code"]) == (405, "http.method_not_allowed")
    assert {"GET", "PUT"} <= set(answer.headers["allow"].split(", "))


async def test_an_unexpected_failure_says_nothing_about_the_request(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the caller nor the log gets the exception's text: it may quote personal data."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("Erika Mustermann")

    door = FrontDoor(broken, direct={}, runtime=runtime, new_id=lambda: "id-1", hosts=None)
    with caplog.at_level(logging.ERROR, logger="capctl.verifier"):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=door), base_url="http://127.0.0.1") as client:
            answer = await client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (500, "verifier.unexpected")
    assert "KeyError in broken" in caplog.text
    assert "Erika" not in caplog.text + answer.text


async def test_a_failing_endpoint_is_counted_as_a_5xx(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "record", None)
    answer = await client.post("/verify", json={"policy_id": "lksg.v1", "context": {"_demo": True}})
    assert answer.status_code == 500
    assert runtime.recorder.traffic().errors_5xx == 1
