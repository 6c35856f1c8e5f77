"""The server's side of `$batch`: requests read, changesets executed as the options say, answers written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from engine.sap.multipart import Part, http_message, parts_of, write_parts
from engine.sap.simulator.options import SimulatorOptions

_HTTP_PART: Final = {"Content-Type": "application/http", "Content-Transfer-Encoding": "binary"}
BOUNDARY: Final = "batchresponse"
INNER_BOUNDARY: Final = "changesetresponse"


class InnerRequest(NamedTuple):
    """One request out of a batch."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What the simulator answers to one request."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transaction(Protocol):
    """Executes a changeset as a whole: what it returns False for is undone."""

    def __call__(self, work: Callable[[], bool]) -> None: ...


ONLY_ONE: Final = "Default changeset implementation allows only one operation"


class BatchProcessor:
    """Executes a batch.

    Args:
        options: How the simulated server behaves.
        perform: Executes one request.
        refuse: Makes an error answer of a status and a message.
        transaction: Makes a changeset atomic.
    """

    def __init__(
        self,
        options: SimulatorOptions,
        perform: Callable[[InnerRequest], Reply],
        refuse: Callable[[int, str], Reply],
        transaction: Transaction,
    ) -> None:
        self._options = options
        self._perform = perform
        self._refuse = refuse
        self._transaction = transaction

    def answer(self, content_type: str, body: bytes) -> Reply:
        """The answer to a whole batch. Raises MalformedMultipart."""
        parts = []
        for part in parts_of(content_type, body):
            if not part.content_type.startswith("multipart/"):
                parts.append(_part(self._perform(_request(part))))
                continue
            answered, failed = self._changeset([_request(inner) for inner in parts_of(part.content_type, part.body)])
            parts.append(answered)
            if failed and self._options.stop_after_failed_changeset:
                break
        headers = {"content-type": f"multipart/mixed; boundary={BOUNDARY}", "dataserviceversion": "2.0"}
        return Reply(self._options.batch_status, headers, write_parts(BOUNDARY, parts))

    def _changeset(self, requests: Sequence[InnerRequest]) -> tuple[Part, bool]:
        """A changeset's part of the answer, and whether it failed."""
        if self._options.one_operation_per_changeset and len(requests) > 1:
            return _part(self._refuse(400, ONLY_ONE)), True
        replies: list[Reply] = []

        def work() -> bool:
            for request in requests:
                replies.append(self._perform(request))
                if replies[-1].status >= 400 and self._options.atomic_changesets:
                    return False
            return True

        self._transaction(work)
        failed = next((reply for reply in replies if reply.status >= 400), None)
        if failed is not None and self._options.atomic_changesets:
            return _part(failed), True
        body = write_parts(INNER_BOUNDARY, [_part(reply) for reply in replies])
        return Part({"Content-Type": f"multipart/mixed; boundary={INNER_BOUNDARY}"}, body), failed is not None


def _request(part: Part) -> InnerRequest:
    first, message = http_message(part.body)
    method, target, *_ = [*first.split(), "", ""]
    length = message.headers.get("content-length", "")
    body = message.body[: int(length)] if length.isdecimal() else message.body.rstrip(b"\r\n")
    return InnerRequest(method, target, dict(message.headers), body)


def _part(reply: Reply) -> Part:
    head = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    message = f"HTTP/1.1 {reply.status} Status\r\n{head}Content-Length: {len(reply.body)}\r\n\r\n".encode()
    return Part(_HTTP_PART, message + reply.body)
