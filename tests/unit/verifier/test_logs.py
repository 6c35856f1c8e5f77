"""Logs: what is written about a request, and what never is."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from engine.verifier.logs import JsonFormatter


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    formatter = JsonFormatter("r1")
    return [json.loads(formatter.format(record)) for record in caplog.records if record.name.startswith("capctl")]


async def test_a_refused_request_is_logged_by_its_id_route_and_code(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="capctl"):
        await client.get("/policy/Erika%0aMustermann?name=Erika", headers={"x-request-id": "run-1"})
    [line] = _lines(caplog)
    expected = {"request_id": "run-1", "route": "/policy/{policy_id}", "status": 404, "code": "policy.unknown"}
    assert expected.items() <= line.items()
    assert str(line["actor"]).startswith("op-")
    assert "Erika" not in json.dumps(line)


async def test_a_request_without_token_is_logged_without_anything_of_it(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="capctl"):
        await client.get("/rollout", headers={"authorization": "Bearer secret.secret.secret"})
    [line] = _lines(caplog)
    assert (line["status"], line["code"]) == (401, "auth.invalid_token")
    assert "secret" not in json.dumps(line)


async def test_a_request_that_went_well_is_counted_and_not_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="capctl"):
        await client.post("/verify", json={"policy_id": "lksg.v1", "context": {"_demo": True}})
    assert _lines(caplog) == []


def test_no_value_can_forge_a_line_or_add_a_field() -> None:
    """Control characters are escaped, unknown fields dropped, foreign arguments and exception texts left out."""
    formatter = JsonFormatter("r1")
    record = logging.LogRecord("capctl.x", logging.INFO, "", 1, 'a\n{"level":"error"}\x1b[2J', (), None)
    record.__dict__["token"] = "secret"
    text = formatter.format(record)
    assert "\n" not in text
    assert "\x1b" not in text
    assert "secret" not in text
    error = (KeyError, KeyError("Erika"), None)
    foreign = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "lost %s", ("Erika",), error)
    assert "Erika" not in formatter.format(foreign)
    assert json.loads(formatter.format(foreign))["error"] == "KeyError"
