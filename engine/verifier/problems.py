"""Errors of the HTTP service: problem documents (RFC 9457) with a stable code and the request's id.

The kind of an engine error decides the status, in this one place. A problem says what the error says, nothing more: no
exception text, no value from the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import orjson

from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.policy.findings import Finding
from engine.verifier.auth import AuthError

_STATUS_OF: tuple[tuple[type[EngineError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (Unavailable, 503),
    (Conflict, 409),
    (Held, 403),
    (Refused, 403),
)
"""First match wins, so a subclass stands before its base."""


class RequestError(InvalidInput):
    """The request itself, before anything in it was understood, is not acceptable.

    Args:
        status: The HTTP status to answer with (400, 405, 413, 415, 428...).
    """

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint)
        self.status = status

    def __reduce__(self) -> Any:
        return type(self), (self.status, self.code, self.message, self.hint)


class LintRefused(InvalidInput):
    """A policy does not pass lint; the problem document lists everything that was found.

    Args:
        refusal: The error about the first finding.
        findings: All of them.
    """

    def __init__(self, refusal: InvalidInput, findings: Sequence[Finding]) -> None:
        super().__init__(refusal.code, refusal.message, refusal.hint)
        self.findings = tuple(findings)

    def __reduce__(self) -> Any:
        return type(self), (InvalidInput(self.code, self.message, self.hint), self.findings)


class RateLimited(Held):
    """A client asks more than it may.

    Args:
        retry_after_s: When it may ask again, in seconds from now.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("http.rate_limited", "Too many requests from this client", "Wait as Retry-After says.")
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> Any:
        return type(self), (self.retry_after_s,)


UNEXPECTED = EngineError("verifier.unexpected", "The verifier failed unexpectedly", "Report the request id.")


def status_of(error: EngineError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, RequestError | AuthError):
        return error.status
    if isinstance(error, RateLimited):
        return 429
    if isinstance(error, InvalidInput) and error.code.startswith("json."):
        return 400
    return next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 500)


def problem_headers(error: EngineError) -> dict[str, str]:
    """The headers that go with the problem document of an error."""
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    if isinstance(error, RateLimited):
        headers["retry-after"] = str(max(1, ceil(error.retry_after_s)))
    elif status_of(error) == 503:
        headers["retry-after"] = "1"
    elif status_of(error) == 408:
        # RFC 9110, section 15.5.9: what else comes on this connection is the rest of a request that was given up.
        headers["connection"] = "close"
    if isinstance(error, AuthError) and error.www_authenticate is not None:
        headers["www-authenticate"] = error.www_authenticate
    return headers


def problem_document(error: EngineError, request_id: str) -> bytes:
    """The problem document of an error (RFC 9457, section 3)."""
    status = status_of(error)
    document: dict[str, Any] = {
        "type": f"urn:capctl:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "request_id": request_id,
    }
    if isinstance(error, LintRefused):
        document["findings"] = [finding.to_json() for finding in error.findings]
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
