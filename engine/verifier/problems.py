"""Errors of the HTTP service: problem documents (RFC 9457) with a stable code and the request's id.

The kind of an engine error decides the status, in this one place. A problem says what the error says, nothing more: no
exception text, no value from the request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable

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


UNEXPECTED = EngineError("verifier.unexpected", "The verifier failed unexpectedly", "Report the request id.")


def status_of(error: EngineError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, InvalidInput) and error.code.startswith("json."):
        return 400
    return next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 500)


def problem_headers(status: int) -> dict[str, str]:
    """The headers that go with a problem document."""
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    return {**headers, "retry-after": "1"} if status == 503 else headers


def problem_document(error: EngineError, request_id: str) -> bytes:
    """The problem document of an error (RFC 9457, section 3)."""
    status = status_of(error)
    document = {
        "type": f"urn:capctl:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "request_id": request_id,
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
