"""Secrets and personal data in requests: none gets into a log line, a metric, the registry or an error's answer."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from engine.verifier.logs import JsonFormatter
from engine.verifier.routes import SCOPES
from engine.verifier.runtime import Runtime
from tests.samples.planted import NEVER, leaks

Request = tuple[str, str, dict[str, Any]]
"""Method, path, and what httpx is given beside them."""


def contexts(value: str) -> list[dict[str, Any]]:
    """One value in every place of a context where somebody may have put it."""
    record = {"supplier_hash": value, "name": value, "iban": value}
    return [
        {"variables": {"note": value}},
        {"supplier_hashes": [value], "ubo_hashes": [value], "supplier_regions": [value], "audit_dates": [value]},
        {"sanctions_root": value, "high_risk_root": value},
        {"suppliers": [record]},
        {"suppliers": value},
    ]


def requests(value: str) -> Iterator[Request]:
    """A value in the body, the path, the query and the headers of a request to every route.

    Not as its `x-request-id`: that is what a caller chose to find the request again in the logs.
    """
    policy = {"id": value, "description": value, "rules": [{"id": value, "op": "eq", "lhs": value, "rhs": value}]}
    bodies: list[Any] = [
        *({"policy_id": "lksg.v1", "context": context} for context in contexts(value)),
        {"policy_id": value, "context": {}, "backend": value},
        {"policy": policy, "lint_mode": value},
        {"policy": base64.b64encode(json.dumps(policy).encode()).decode()},
        {"policy": value},
        {"percent": value, "reason": value},
        value,
    ]
    hidden = {"if-match": value, "user-agent": value, "traceparent": value}
    for route, methods in SCOPES.items():
        path = route.replace("{policy_id}", value)
        for method in methods:
            yield method, path, {"params": {"name": value}, "headers": hidden}
            yield method, path, {"headers": {**hidden, "authorization": f"Bearer {value}"}}
            if method != "GET":
                yield from ((method, path, {"json": body}) for body in bodies)


@pytest.mark.slow
async def test_nothing_planted_in_requests_is_logged_counted_kept_or_told_in_an_error(
    client: httpx.AsyncClient,
    runtime: Runtime,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    """Each value in every place of a request to every route; and what is refused says so in its own words."""
    refused, sent, told = 0, 0, set[tuple[str, str, str]]()
    with caplog.at_level(logging.DEBUG):
        for value in NEVER:
            for method, path, options in requests(value):
                answer = await client.request(method, path, **options)
                sent += 1
                if answer.status_code >= 400:
                    refused += 1
                    problem = answer.json()
                    # A policy's author is told which words of it are wrong.
                    words = [text for name, text in problem.items() if name != "findings"]
                    if leaks(str(words)):
                        told.add((method, path.replace(value, ""), problem["code"]))
    assert told == set()
    formatter = JsonFormatter("r1")
    logged = "\n".join(formatter.format(record) for record in caplog.records)
    assert logged.count("\n") > len(NEVER)
    assert leaks(logged) == []
    assert leaks((await client.get("/metrics")).text) == []
    runtime.refresh()
    state = runtime.ctx.settings.state_dir
    kept = {path.name: path.read_bytes().decode("latin-1") for path in state.rglob("*") if path.is_file()}
    assert {name: found for name, text in kept.items() if (found := leaks(text))} == {}
    assert refused > len(NEVER)
    record_property("tried", f"{len(NEVER)} values, {sent:,} requests, {refused:,} of them refused")
