"""Reading a request's body: JSON only, bounded, complete."""

from __future__ import annotations

from typing import Any

from starlette.types import Receive, Scope

from engine.canonical import strict_json_at_once
from engine.errors import InvalidInput
from engine.verifier.arrival import ARRIVED_LATE, TOO_SLOW
from engine.verifier.problems import RequestError

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Ten thousand suppliers with their hashes, regions and dates fit; a ten megabyte upload does not."""


class ClientGone(Exception):
    """The caller hung up before the request was complete; nobody is there to answer."""


async def read_json_object(scope: Scope, receive: Receive) -> dict[str, Any]:
    """Read the request's body as one JSON object.

    Raises:
        RequestError: The media type is not JSON (415), or the body is too large (413) or too slow (408).
        InvalidInput: It is not strict JSON, or not an object.
        ClientGone: The caller hung up.
    """
    _check_headers(scope)
    body = await _read(receive)
    if ARRIVED_LATE in scope["state"]:
        raise TOO_SLOW
    document = strict_json_at_once(body, what="The request body")
    if not isinstance(document, dict):
        raise InvalidInput("http.not_an_object", "The request body is not a JSON object", "Send {...}.")
    return document


def _check_headers(scope: Scope) -> None:
    media_type, length = b"", b"0"
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length":
            length = value
    if media_type.partition(b";")[0].strip().lower() != b"application/json":
        raise RequestError(
            415, "http.media_type", "The body is not declared as JSON", "Send Content-Type: application/json."
        )
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large()


async def _read(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _bounded(message.get("body", b""))
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise ClientGone


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> RequestError:
    return RequestError(
        413,
        "http.too_large",
        f"The request body is larger than {MAX_BODY_BYTES // 1024} KiB",
        "Send fewer suppliers in one request.",
    )
