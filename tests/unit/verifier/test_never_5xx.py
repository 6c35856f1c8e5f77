"""Whatever is sent to /verify and /rollout, the answer is 2xx or 4xx, and a problem document where it is not 2xx."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.demo.seed import POLICY_ID

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
"""Lone surrogates included: JSON can spell them, UTF-8 cannot."""
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "supplier_hashes",
    "ubo_hashes",
    "supplier_regions",
    "audit_dates",
    "sanctions_root",
    "variables",
    "suppliers",
)
CONTEXTS = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5) | st.just({"_demo": True})
DATES = st.lists(st.text(alphabet="0123456789-:TZ+.", max_size=26) | st.dates().map(str), max_size=3)
OPTIONS = st.none() | JSON | st.dictionaries(st.sampled_from(["enforce", "rollout_percent", "at"]), JSON, max_size=3)


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """Requests that are nearly right: what breaks a service is seldom far from what it expects."""
    document: dict[str, Any] = {"policy_id": POLICY_ID, "backend": "mock", "context": draw(CONTEXTS)}
    if draw(st.booleans()):
        document["context"] = {"supplier_hashes": ["a"], "audit_dates": draw(DATES), "variables": {"tier": draw(JSON)}}
    if draw(st.booleans()):
        document["options"] = draw(OPTIONS)
    if draw(st.booleans()):
        document[draw(st.sampled_from(["ir", "policy_id", "backend", "surprise"]))] = draw(JSON)
    if draw(st.booleans()):
        del document["policy_id"]
    return document


def _encode(value: Any) -> bytes:
    """JSON as a careless client writes it: NaN, lone surrogates and huge integers included."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500
    if answer.status_code != 200:
        problem = orjson.loads(answer.content)
        assert problem["code"]
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture
def token(mint: Callable[..., str]) -> str:
    return mint()


def _send(
    transport: httpx.ASGITransport, token: str, method: str, path: str, body: bytes, **headers: str
) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            always = {"content-type": "application/json", "authorization": f"Bearer {token}"}
            return await client.request(method, path, content=body, headers={**always, **headers})

    return asyncio.run(send())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=requests() | JSON)
def test_no_json_makes_verify_fail(transport: httpx.ASGITransport, token: str, document: Any) -> None:
    _answered(_send(transport, token, "POST", "/verify", _encode(document)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_no_bytes_make_verify_fail(transport: httpx.ASGITransport, token: str, body: bytes) -> None:
    _answered(_send(transport, token, "POST", "/verify", body))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(document={"percent": 0, "policy_id": "\ud800"}, tag='"1"')
@given(
    document=st.dictionaries(
        st.sampled_from(["percent", "paused", "reason", "policy_id", "break_glass"]), JSON, max_size=3
    ),
    tag=st.sampled_from(['"1"', '"9"', "*", "1", ""]),
)
def test_no_change_makes_the_rollout_fail(transport: httpx.ASGITransport, token: str, document: Any, tag: str) -> None:
    _answered(_send(transport, token, "PUT", "/rollout", _encode(document), **{"if-match": tag}))
